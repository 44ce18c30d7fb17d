import { recall, Store } from "@/shell/store";
import { type Draft, EMPTY, isDirty } from "./draft";

const WRITE_MS = 300;

interface Kept {
  draft: Draft;
  /** False when this browser would not take it: what was typed would be lost with the page. */
  safe: boolean;
}

const sound = (draft: Draft | null): draft is Draft =>
  typeof draft === "object" && draft !== null && typeof draft.files === "object" && draft.files !== null;

/** The draft of one worker in this browser; a reload, a crash or a closed tab loses nothing of it. */
export class Drafts {
  readonly now: Store<Kept>;
  private readonly name: string;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(worker: string) {
    this.name = `code.${worker}`;
    this.now = new Store<Kept>({ draft: this.recalled(), safe: true });
  }

  get draft(): Draft {
    return this.now.get().draft;
  }

  put(draft: Draft): void {
    this.now.set({ ...this.now.get(), draft });
    this.timer ??= setTimeout(this.flush, WRITE_MS);
  }

  /** Written now: the page goes away. */
  flush = (): void => {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const { draft, safe } = this.now.get();
    const could = this.write(draft);
    if (could !== safe) this.now.set({ draft, safe: could });
  };

  /** Another tab of this browser wrote: it is one draft, not two. */
  heard = (event: StorageEvent): void => {
    if (event.key !== `holdfast.${this.name}` || this.timer !== undefined) return;
    this.now.set({ draft: { ...this.recalled(), at: this.draft.at }, safe: true });
  };

  private recalled(): Draft {
    const draft = recall<Draft | null>(this.name, null);
    return sound(draft) ? { ...EMPTY, ...draft } : EMPTY;
  }

  private write(draft: Draft): boolean {
    try {
      if (isDirty(draft)) localStorage.setItem(`holdfast.${this.name}`, JSON.stringify(draft));
      else localStorage.removeItem(`holdfast.${this.name}`);
      return true;
    } catch {
      return !isDirty(draft); // full or forbidden: the page says so, since only it holds the text now
    }
  }
}
