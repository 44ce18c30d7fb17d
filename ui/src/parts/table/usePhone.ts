import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 639px)");

function follow(ear: () => void): () => void {
  narrow.addEventListener("change", ear);
  return () => narrow.removeEventListener("change", ear);
}

/** Too narrow for columns: rows are cards. */
export function usePhone(): boolean {
  return useSyncExternalStore(follow, () => narrow.matches);
}
