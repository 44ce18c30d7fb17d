import type { House, Shown } from ".";

/** The guide at its first step, and where a database of one's own is about to be restored. */
export async function start({ shop, snapshot }: House): Promise<Shown[]> {
  return [
    { name: "start", path: "/start" },
    { name: "start-restore", path: `/start?own=1&step=restore&database=${shop.id}&snapshot=${snapshot.id}` },
  ];
}
