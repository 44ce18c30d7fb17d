import { type KeyboardEvent, useCallback, useState } from "react";

interface Options {
  count: number;
  pageSize: number;
  isPicked: (at: number) => boolean;
  pick: (from: number, to: number, picked: boolean) => void;
  pickAll: () => void;
  clear: () => void;
  open: (at: number) => void;
  show: (at: number) => void;
}

/** A list by keyboard: arrows, Home, End, pages; Space picks, Shift+arrows pick on, Enter opens, Esc clears. */
export function useGrid({ count, pageSize, isPicked, pick, pickAll, clear, open, show }: Options) {
  const [active, setActive] = useState(-1);
  const move = useCallback(
    (to: number) => {
      const at = Math.max(0, Math.min(count - 1, to));
      if (count === 0) return;
      setActive(at);
      show(at);
    },
    [count, show],
  );
  const steps: Record<string, number> = {
    ArrowDown: active + 1,
    ArrowUp: active - 1,
    Home: 0,
    End: count - 1,
    PageDown: active + pageSize,
    PageUp: active - pageSize,
  };

  function onKeyDown(event: KeyboardEvent) {
    const at = Math.min(active, count - 1);
    const to = steps[event.key];
    if (event.target !== event.currentTarget) return;
    if (to !== undefined && !event.metaKey && !event.ctrlKey) {
      if (event.shiftKey && at >= 0) pick(at, Math.max(0, Math.min(count - 1, to)), true);
      move(to);
    } else if (event.key === " " && at >= 0) pick(at, at, !isPicked(at));
    else if (event.key === "Enter" && at >= 0) open(at);
    else if (event.key === "a" && (event.metaKey || event.ctrlKey)) pickAll();
    else if (event.key === "Escape") clear();
    else return;
    event.preventDefault();
  }
  return { active: Math.min(active, count - 1), setActive, move, onKeyDown };
}
