import { useEffect, useRef } from "react";
import { type ShortcutId, shortcuts } from "./shortcuts";

export function useShortcut(id: ShortcutId, run: () => void, able = true): void {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => (able ? shortcuts.bind(id, () => latest.current()) : undefined), [id, able]);
}
