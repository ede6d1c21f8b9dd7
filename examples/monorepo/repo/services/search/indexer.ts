import { Store } from "../../libs/store";
import { log } from "../../libs/log";

/** Products that are written to the index in one batch. */
export const BATCH_SIZE = 250;

/** How long a full rebuild may take before the watchdog ends it, in minutes. */
export const REBUILD_LIMIT_MINUTES = 45;

/** Fields that are searched, with their weights. */
export const FIELD_WEIGHTS = { title: 5, brand: 3, description: 1 };

/** Writes changed products to the search index. */
export class Indexer {
  constructor(private readonly store: Store, private readonly index: SearchIndex) {}

  /** Index all products that were changed since the cursor; returns the new cursor. */
  async catchUp(cursor: string): Promise<string> {
    let next = cursor;
    for await (const batch of this.store.changes("product", cursor, BATCH_SIZE)) {
      await this.index.put(batch.rows.filter((row) => !row.hidden));
      next = batch.cursor;
    }
    log.info("index caught up", { next });
    return next;
  }

  /** Build a second index beside the first one, and switch the alias over when it is complete. */
  async rebuild(): Promise<void> {
    const fresh = await this.index.createBeside();
    await new Indexer(this.store, fresh).catchUp("0");
    await this.index.switchAlias(fresh);
  }
}
