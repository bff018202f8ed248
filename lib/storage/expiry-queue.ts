/** What waits in an {@link ExpiryQueue}; in one at a time. */
export interface Expiring {
  /** UNIX seconds; without it the item is never in the queue. */
  readonly expiresAt?: number | undefined;
  /** Where the item is in the queue; the queue's own. */
  queuedAt?: number | undefined;
}

/**
 * Items in the order of their expiry: a binary heap in which every item knows its place, so that it leaves in
 * logarithmic time and nothing of it stays behind.
 */
export class ExpiryQueue<Item extends Expiring> {
  readonly #heap: Item[] = [];

  /** How many items wait. */
  get size(): number {
    return this.#heap.length;
  }

  add(item: Item): void {
    if (item.expiresAt === undefined) return;
    this.#heap.push(item);
    this.#rise(item, this.#heap.length - 1);
  }

  remove(item: Item): void {
    const place = item.queuedAt;
    if (place === undefined) return;
    item.queuedAt = undefined;
    const last = this.#heap.pop() as Item;
    if (last === item) return;
    this.#rise(last, place);
    this.#sink(last, last.queuedAt as number);
  }

  /** Takes the item that expired first, if it did at or before `end`. */
  take(end: number): Item | undefined {
    const [first] = this.#heap;
    if (!first || endOf(first) > end) return undefined;
    this.remove(first);
    return first;
  }

  #rise(item: Item, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above] as Item;
      if (endOf(parent) <= endOf(item)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(item, place);
  }

  #sink(item: Item, from: number): void {
    let place = from;
    for (;;) {
      const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
      if (!left) break;
      const child = right && endOf(right) < endOf(left) ? right : left;
      if (endOf(child) >= endOf(item)) break;
      const below = child.queuedAt as number;
      this.#put(child, place);
      place = below;
    }
    this.#put(item, place);
  }

  #put(item: Item, place: number): void {
    this.#heap[place] = item;
    item.queuedAt = place;
  }
}

function endOf({ expiresAt }: Expiring): number {
  return expiresAt as number;
}
