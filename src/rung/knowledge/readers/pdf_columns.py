"""Tables of a PDF that are known by their columns alone: lines of words that leave the same gaps free, one below the other.

LiteParse finds tables by lines that are drawn, or by wide gaps; columns closer together come out as paragraphs, or cut in
pieces. Where words show columns that its parts do not, the table is put in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from rung.knowledge.readers.pdf_page import Box, Cell, Line, Part, Sheet
from rung.knowledge.readers.table_heads import is_value

GAP = 0.4  # of the letters' height: wider than a space between words
KEPT = 0.2  # of it, that all lines leave free together
_LEADING = 3.5  # of the letters' size, from one line of a table to the next
_APART = 1.8  # times the usual distance of lines: there a table ends
_APART_ALONE = 1.25  # the same for a line that is in one column alone
_TIGHT = 0.5  # of the letters' height, between the lines of one cell
_LARGER = 1.12  # times the height of the letters above: a heading
_MIN_ROWS = 3
_LONGEST = 30  # characters of a cell, on average
_FILLED = 0.6  # of the rows have words in two columns or more
_VALUES = 0.7  # of a column's cells are values: then it is one of a table, not of a page
_WHOLE = 0.8  # of the cells are filled in a table of words alone
_WIDER = 1.7  # times the space between words, that columns are apart
_AS_GOOD = 0.9
_MARK, _ON_LINE = 0.85, 0.3  # of the height of a line's letters, that a raised mark has; of its own, within the line
_LEADER = re.compile(r"(?:\. ?){4}|…{2}")
_DRAWN = ("paragraph", "heading", "list_item", "table", "code", "grid_fallback", "rule")

Span = tuple[float, float]
Upright = tuple[float, float, float]


def find_columns(sheet: Sheet) -> None:
    """Put the tables that a page's words show in the place of the parts that hold those words."""
    free = [word for word in sheet.words if not word.turned and not any(box.holds(*word.box.middle) for box in sheet.ruled)]
    lines = lines_of(free)
    start = 0
    while start < len(lines):
        end, gaps = _run(lines, start, sheet.uprights)
        if end - start > 1 and len(_run(lines, start + 1, sheet.uprights)[1]) > len(gaps):
            start += 1  # a title, whose words happen to stand apart
            continue
        gaps = _with_rivers(lines[start:end], gaps)
        whole = [_cells(line, gaps) for line in lines[start:end]]
        rows = folded(whole)
        while whole and _filled(whole[-1]) < 2 and _filled(rows[-1]) < 2:  # what stands below a table
            whole.pop()
            rows.pop()
        table = lines[start : start + len(whole)]
        if len(rows) >= _MIN_ROWS and _is_table(rows) and _stand_apart(table, gaps):
            following = lines[start + len(whole)] if start + len(whole) < len(lines) else []
            _put_unruled(sheet, rows, [word for line in table for word in line], following)
            start += len(whole)
        else:
            start += 1


def folded(rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """Rows with their wrapped lines: words in one column alone, but the first, go on from the cell above them."""
    folded: list[list[Cell]] = []
    for row in rows:
        places = [index for index, cell in enumerate(row) if cell.text]
        above, cell = (folded[-1][places[0]], row[places[0]]) if folded and len(places) == 1 and places[0] else (None, None)
        if above is not None and cell is not None and above.box and cell.box and _goes_on(above.box, cell):
            above.text, above.box = f"{above.text} {cell.text}", around([above.box, cell.box])
        else:
            folded.append([Cell(one.text, one.box) for one in row])
    return folded


def _goes_on(above: Box, cell: Cell) -> bool:
    return cell.box is not None and not is_value(cell.text) and cell.box.top - above.bottom <= _TIGHT * cell.box.height


def _filled(row: Sequence[Cell]) -> int:
    return sum(bool(cell.text) for cell in row)


def lines_of(words: Sequence[Line]) -> list[list[Line]]:
    """Words by the line that they stand on, from the top; each line from the left."""
    lines: list[list[Line]] = []
    for word in sorted(words, key=lambda word: word.box.middle[1]):
        bottom = max(other.box.bottom for other in lines[-1]) if lines else 0.0
        if lines and (word.box.middle[1] < bottom - 0.25 * word.height or any(_is_raised(o, word) for o in lines[-1])):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.box.left) for line in lines]


def _is_raised(mark: Line, word: Line) -> bool:
    """Whether smaller letters stand on the line of larger ones, raised."""
    overlap = mark.box.bottom - word.box.top
    return mark.height < _MARK * word.height and overlap >= _ON_LINE * mark.height


def _run(lines: Sequence[Sequence[Line]], start: int, uprights: Sequence[Upright]) -> tuple[int, list[Span]]:
    """How far lines leave the same gaps free, and these gaps. Behind the first two, a line that closes one ends the run."""
    gaps = _gaps(lines[start], uprights)
    end, pitches = start + 1, list[float]()
    while gaps and end < len(lines):
        line, above = lines[end], lines[end - 1][0]
        narrowed = [gap for gap in (_narrowed(gap, line) for gap in gaps) if gap is not None]
        pitch = line[0].box.bottom - above.box.bottom
        alone = _filled(_cells(line, narrowed)) == 1
        usual = median(pitches) if len(pitches) > 1 else _LEADING / _APART * max(above.height, line[0].height)
        far = pitch > (_APART_ALONE if alone else _APART) * usual or (alone and line[0].height > _LARGER * above.height)
        if far or not narrowed or (len(narrowed) < len(gaps) and end - start > 1):
            break
        gaps = narrowed
        pitches.append(pitch)
        end += 1
    return end, gaps


def _with_rivers(lines: Sequence[Sequence[Line]], gaps: Sequence[Span]) -> list[Span]:
    """The gaps of a run and those that its first line could not show: covered by no word, and wide on some line.

    Where a line is wide because its cell beside a known gap is empty, it says nothing.
    """
    size = median(word.height for line in lines for word in line)
    wide = [(a.box.right, b.box.left) for line in lines for a, b in pairwise(line)]
    wide = [(left, right) for left, right in wide if right - left >= GAP * size]
    wide = [(left, right) for left, right in wide if not any(left <= a and b <= right for a, b in gaps)]
    spans = sorted((word.box.left, word.box.right) for line in lines for word in line)
    rivers, at = list(gaps), spans[0][1]
    for left, right in spans:
        is_gap = any(a < left and at < b for a, b in gaps)
        if left - at >= KEPT * size and not is_gap and any(a <= at and left <= b for a, b in wide):
            rivers.append((at, left))
        at = max(at, right)
    return sorted(rivers)


def _gaps(line: Sequence[Line], uprights: Sequence[Upright]) -> list[Span]:
    """Where the words of a line stand apart: by more than a space, or by a line drawn between them."""
    size, middle = median(word.height for word in line), line[0].box.middle[1]
    drawn = [x for x, top, bottom in uprights if top <= middle <= bottom]
    spans = [(a.box.right, b.box.left) for a, b in pairwise(line)]
    return [(a, b) for a, b in spans if b - a >= GAP * size or any(a - 1 <= x <= b + 1 for x in drawn)]


def _narrowed(gap: Span, line: Sequence[Line]) -> Span | None:
    """What a line leaves of a gap: its widest part that no word covers; None where that is no more than a space."""
    left, right = gap
    size = median(word.height for word in line)
    edges = sorted(
        (max(w.box.left, left), min(w.box.right, right)) for w in line if w.box.right > left and w.box.left < right
    )
    at, best = left, (left, left)
    for begin, finish in (*edges, (right, right)):
        if begin - at > best[1] - best[0]:
            best = (at, begin)
        at = max(at, finish)
    return best if best[1] - best[0] >= min(KEPT * size, right - left) > 0 else None


def _cells(line: Sequence[Line], gaps: Sequence[Span]) -> list[Cell]:
    cells = [Cell("") for _ in range(len(gaps) + 1)]
    for word in line:
        cell = cells[sum(word.box.left >= right - 0.5 for _, right in gaps)]
        cell.text = f"{cell.text} {word.text}".strip()
        cell.box = word.box if cell.box is None else around([cell.box, word.box])
    return cells


def _is_table(rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether rows are a table's, not those of a page in columns or a list: short cells, a column of values or three."""
    texts = [cell.text for row in rows for cell in row if cell.text]
    columns = [[row[index].text for row in rows] for index in range(len(rows[0]))]
    lengths = sorted(sum(map(len, column)) / max(1, sum(map(bool, column))) for column in columns)
    counted = lengths[:-1] if len(lengths) > 2 and any(map(_values, columns)) else lengths  # one column may hold prose
    if len(columns) < 2 or max(counted) > _LONGEST or sum(_filled(row) > 1 for row in rows) < _FILLED * len(rows):
        return False
    if any(_LEADER.search(text) for text in texts):  # a table of contents
        return False
    if any(map(_values, columns[1:])):
        return True
    whole = sum(map(bool, texts)) >= _WHOLE * len(rows) * len(columns)
    return len(columns) > 2 and len(rows) > _MIN_ROWS and whole


def _stand_apart(lines: Sequence[Sequence[Line]], gaps: Sequence[Span]) -> bool:
    """Whether the gaps between columns are wider than the spaces within them: prose that is spread out has none such."""
    between: list[float] = []
    within: list[float] = []
    for line in lines:
        for a, b in pairwise(line):
            parted = any(a.box.right <= right and b.box.left >= left and b.box.left >= right - 0.5 for left, right in gaps)
            (between if parted else within).append(b.box.left - a.box.right)
    return bool(between) and (not within or median(between) >= _WIDER * median(within))


def _values(column: Sequence[str]) -> bool:
    filled = [cell for cell in column[1:] if cell]
    return len(filled) >= _MIN_ROWS - 1 and sum(map(is_value, filled)) >= _VALUES * len(filled)


def _put_unruled(sheet: Sheet, rows: list[list[Cell]], words: Sequence[Line], following: Sequence[Line]) -> None:
    """Put a table where its words were, unless a table of LiteParse's has its rows and columns.

    `following` is the line below; a table that has a heading there is two.
    """
    region = around([word.box for word in words])
    touched = [part for part in sheet.parts if part.kind in _DRAWN and _overlap(part.box, region)]
    if not touched or any(part.kind in ("code", "grid_fallback") for part in touched):
        return
    headed = _is_large(following, median(word.height for word in words))
    if any(_is_as_good(part, rows, region) and not (headed and _holds(part, following)) for part in touched):
        return
    put(sheet, [Part("table", box=region, cells=rows)], region, words, touched)


def holding(sheet: Sheet, words: Sequence[Line]) -> list[Part]:
    """The parts that hold any of these words."""
    return [
        part
        for part in sheet.parts
        if part.kind in _DRAWN and any(part.box.holds(*word.box.middle, slack=0) for word in words)
    ]


def put(sheet: Sheet, parts: Sequence[Part], region: Box, words: Sequence[Line], touched: Sequence[Part]) -> None:
    """Put parts made of the words of a region in the place of those that hold them; what else these say stays around it."""
    size = median(word.height for word in words)
    above: list[Part] = []
    below: list[Part] = []
    index = min(map(sheet.parts.index, touched), default=_index(sheet, region))
    for part in touched:
        sheet.parts.remove(part)
        left = [word for word in sheet.words if part.box.holds(*word.box.middle) and not region.holds(*word.box.middle)]
        above += _left_over(part, [word for word in left if word.box.middle[1] < region.top], size)
        below += _left_over(part, [word for word in left if word.box.middle[1] >= region.top], size)
    sheet.parts[index:index] = [*above, *parts, *below]


def _index(sheet: Sheet, region: Box) -> int:
    """Where on a page something stands that no part holds: behind what is above it."""
    return sum(part.box.bottom <= region.top + 3 for part in sheet.parts)


def _left_over(part: Part, words: Sequence[Line], size: float) -> list[Part]:
    """What a part says beside a table, as paragraphs; lines of large letters are headings."""
    rest: list[Part] = []
    for line in lines_of(words):
        text, box = " ".join(word.text for word in line), around([word.box for word in line])
        large = part.kind == "heading" or _is_large(line, size)
        if rest and not large and rest[-1].kind == "paragraph":
            rest[-1].text += f" {text}"
            rest[-1].box = around([rest[-1].box, box])
        elif large:
            rest.append(Part("heading", text, box, part.level or 2))
        else:
            rest.append(Part("paragraph", text, box, emphasis=part.emphasis))
    return rest


def _is_large(line: Sequence[Line], size: float) -> bool:
    return bool(line) and median(word.height for word in line) > _LARGER * size


def _holds(part: Part, line: Sequence[Line]) -> bool:
    return all(part.box.holds(*word.box.middle) for word in line)


def _is_as_good(part: Part, rows: Sequence[Sequence[Cell]], region: Box) -> bool:
    """Whether a table has these rows and columns already, the first of them too."""
    whole = part.box.top < region.top + 3 and len(part.cells) >= _AS_GOOD * len(rows)
    return part.kind == "table" and whole and max(map(len, part.cells)) >= len(rows[0])


def _overlap(box: Box, region: Box) -> bool:
    across = min(box.right, region.right) - max(box.left, region.left)
    down = min(box.bottom, region.bottom) - max(box.top, region.top)
    return across > 0 and down > 2


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds these."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))
