import { useSyncExternalStore } from "react";

/** A value outside React that components may follow. */
export class Store<T> {
  private readonly ears = new Set<() => void>();

  constructor(private value: T) {}

  get = (): T => this.value;

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const ear of [...this.ears]) ear();
  }

  follow = (ear: () => void): (() => void) => {
    this.ears.add(ear);
    return () => this.ears.delete(ear);
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.follow, store.get);
}

/** What this browser remembers. A full or forbidden storage is as good as an empty one. */
export function recall<T>(name: string, otherwise: T): T {
  try {
    const kept = localStorage.getItem(`holdfast.${name}`);
    return kept === null ? otherwise : (JSON.parse(kept) as T);
  } catch {
    return otherwise;
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(`holdfast.${name}`, JSON.stringify(value));
  } catch {
    // Private windows forbid it: the choice holds until the page is closed.
  }
}
