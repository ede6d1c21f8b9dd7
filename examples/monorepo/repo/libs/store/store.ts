/** How rows are kept. Every service uses this and no database driver. */
export interface Store {
  /** One row, or undefined. */
  one(table: string, id: string): Promise<Row | undefined>;

  /** Rows in pages of at most 100. */
  many(table: string, page: Page): Promise<Row[]>;

  /** Changes since a cursor, in batches, the oldest first. Kept for 30 days. */
  changes(table: string, cursor: string, batch: number): AsyncIterable<Batch>;
}

/** Thrown when two writers changed the same row; read again and try once more. */
export class Conflict extends Error {
  constructor(readonly table: string, readonly id: string) {
    super(`${table}/${id} was changed by somebody else`);
  }
}

/** Opens the store that STORE_URL names. Without it, an empty one in memory, for tests. */
export function openStore(url = process.env.STORE_URL): Store {
  return url ? new PostgresStore(url, { pool: 12 }) : new MemoryStore();
}
