import { Store } from "./store";

/** What the help sheet shows: pages one after the other, the last one on top; none when it is closed. */
class Help {
  readonly pages = new Store<readonly string[]>([]);

  /** By its name in `docs/dashboard/`, or by folder and name; `deeper`: on top of what is shown. */
  open(name: string, deeper = false): void {
    const path = name.includes("/") ? name : `dashboard/${name}`;
    this.pages.set(deeper ? [...this.pages.get(), path] : [path]);
  }

  back(): void {
    this.pages.set(this.pages.get().slice(0, -1));
  }

  close(): void {
    this.pages.set([]);
  }
}

export const help = new Help();
