import { type ReactNode, useEffect } from "react";
import type { ShortcutId } from "./shortcuts";
import { Store, useStore } from "./store";

/** What the page offers for what it shows or what is picked on it. */
export interface Act {
  id: string;
  title: string;
  icon?: ReactNode;
  shortcut?: ShortcutId;
  run: () => void;
}

const offered = new Store<readonly Act[]>([]);

export function usePaletteActs(): readonly Act[] {
  return useStore(offered);
}

/** Offers `acts` in the palette for as long as the component is there. Give a stable array. */
export function useOffer(acts: readonly Act[]): void {
  useEffect(() => {
    offered.set([...offered.get(), ...acts]);
    return () => offered.set(offered.get().filter((each) => !acts.includes(each)));
  }, [acts]);
}
