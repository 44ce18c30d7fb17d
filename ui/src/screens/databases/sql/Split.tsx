import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { recall, remember } from "@/shell/store";

const LEAST = 15;
const MOST = 80;
const STEP = 4;

/** Two parts one above the other; the line between them is moved by pointer or arrow keys. */
export function Split({ top, bottom }: { top: ReactNode; bottom: ReactNode }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(() => recall<number>("sql.split", 40));
  const set = (next: number) => {
    const bounded = Math.min(MOST, Math.max(LEAST, Math.round(next)));
    setShare(bounded);
    remember("sql.split", bounded);
  };
  const drag = (event: PointerEvent<HTMLElement>) => {
    const place = box.current?.getBoundingClientRect();
    if (place && event.currentTarget.hasPointerCapture(event.pointerId))
      set(((event.clientY - place.top) / place.height) * 100);
  };
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowUp: -STEP, ArrowDown: STEP }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    set(share + by);
  };
  return (
    <div
      ref={box}
      className="grid min-h-0 flex-1"
      style={{ gridTemplateRows: `minmax(80px, ${share}fr) 1px minmax(80px, ${100 - share}fr)` }}
    >
      <div className="min-h-0 min-w-0">{top}</div>
      <hr
        aria-orientation="horizontal"
        aria-label={t("sql:split")}
        aria-valuenow={share}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        onKeyDown={keys}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        className="relative z-3 m-0 h-px cursor-row-resize touch-none border-0 bg-line after:absolute after:inset-x-0 after:-top-1.5 after:h-3 hover:bg-accent focus-visible:bg-accent"
      />
      <div className="min-h-0 min-w-0">{bottom}</div>
    </div>
  );
}
