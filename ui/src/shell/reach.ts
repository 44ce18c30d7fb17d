import { Store } from "./store";

/** Whether the server was there when it was last asked. Said by calls and by the live connection, never asked for. */
class Reach {
  readonly there = new Store(true);
  answered(): void {
    this.there.set(true);
  }
  silent(): void {
    this.there.set(false);
  }
}

export const reach = new Reach();
