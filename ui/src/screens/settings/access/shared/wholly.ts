interface Page<R> {
  items: R[];
  next_cursor?: string | null;
}

const MOST_PAGES = 50;

/** Every row, for what the API cannot narrow: people and keys are hundreds, not millions. */
export async function wholly<R>(
  page: (cursor: string | undefined) => Promise<Page<R>>,
  keep: (row: R) => boolean = () => true,
): Promise<{ items: R[]; next_cursor: null }> {
  const items: R[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const found = await page(cursor);
    items.push(...found.items.filter(keep));
    if (!found.next_cursor) break;
    cursor = found.next_cursor;
  }
  return { items, next_cursor: null };
}

/** Whether any of `texts` has `q` in it, however it is written. */
export function has(q: string, ...texts: (string | null | undefined)[]): boolean {
  const wanted = q.trim().toLowerCase();
  return wanted === "" || texts.some((text) => text?.toLowerCase().includes(wanted));
}
