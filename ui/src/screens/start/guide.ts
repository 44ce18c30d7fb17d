import { recall, remember, Store } from "@/shell/store";

/** Whether this browser's person has put the offer away; the guide itself stays where it is. */
export const offered = new Store<boolean>(recall("guide", true));

export function putAway(): void {
  offered.set(false);
  remember("guide", false);
}

/** What all of its steps take. */
export const NEEDED = ["database.create", "database.query.write", "snapshot.create", "snapshot.restore"] as const;

export function mayGuide(can: (...wanted: string[]) => boolean): boolean {
  return NEEDED.every((each) => can(each));
}
