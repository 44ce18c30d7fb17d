import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, Download, Pause, WrapText } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { recall, remember } from "@/shell/store";
import { Button } from "./Button";
import { cx } from "./classes";
import { CopyButton, Tip } from "./small";
import { saveFile } from "./table/export";

const NEAR_END = 24;

interface Props<L> {
  label: string;
  lines: readonly L[];
  /** How high a line is, about, in pixels. */
  height: number;
  wraps: boolean;
  follows: boolean;
  setFollows: (follows: boolean) => void;
  className: string;
  children: (line: L) => ReactNode;
}

/** Only what is in sight is drawn, however long the log. Scrolling up stops following; reaching the end begins again. */
export function LogLines<L extends { seq: number }>(props: Props<L>) {
  const { label, lines, height, wraps, follows, setFollows, className, children } = props;
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 20,
  });
  const last = lines.at(-1)?.seq;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a line more moves the end, and so does another width of lines
  useEffect(() => {
    if (follows && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [last, follows, wraps, virtual]);
  return (
    <div
      ref={box}
      role="log"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onWheel={({ deltaY }) => deltaY < 0 && setFollows(false)}
      onKeyDown={({ key }) => /^(ArrowUp|PageUp|Home)$/.test(key) && setFollows(false)}
      onTouchMove={() => setFollows(false)}
      onScroll={({ currentTarget: at }) => {
        if (at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END && !follows) setFollows(true);
      }}
      className={cx("overflow-auto py-2 font-mono text-xs", className)}
    >
      <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const line = lines[index];
          return (
            line && (
              <div
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                className={cx("absolute top-0 left-0 min-w-full", wraps && "w-full")}
                style={{ transform: `translateY(${start}px)` }}
              >
                {children(line)}
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

/** Whether long lines go on below, in every log alike. */
export function useWraps(): [boolean, () => void] {
  const [wraps, setWraps] = useState(() => recall("log.wrap", true));
  const turn = () => {
    remember("log.wrap", !wraps);
    setWraps(!wraps);
  };
  return [wraps, turn];
}

interface VerbsProps {
  /** Of the file it is saved as. */
  name: string;
  /** All of it, as a file has it. */
  text: string;
  wraps: boolean;
  onWrap: () => void;
  /** Nothing: no more lines come. */
  follow: { on: boolean; set: (follows: boolean) => void } | null;
}

/** What is done with a log. */
export function LogVerbs({ name, text, wraps, onWrap, follow }: VerbsProps) {
  const { t } = useTranslation();
  return (
    <>
      <Tip text={t("activity:wrap")}>
        <Button
          look="quiet"
          size="icon"
          aria-label={t("activity:wrap")}
          aria-pressed={wraps}
          icon={<WrapText className={wraps ? "text-accent-text" : undefined} />}
          onClick={onWrap}
        />
      </Tip>
      {follow && <FollowButton {...follow} />}
      <Tip text={t("activity:saveLog")}>
        <Button
          look="quiet"
          size="icon"
          aria-label={t("activity:saveLog")}
          icon={<Download />}
          disabled={text === ""}
          onClick={() => saveFile(`${name}.log`, "text/plain", `${text}\n`)}
        />
      </Tip>
      <CopyButton text={text} label={t("shell:copy")} />
    </>
  );
}

/** Stops what comes by itself, and lets it come again. */
export function FollowButton({ on, set }: { on: boolean; set: (follows: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <Button look="quiet" size="small" aria-pressed={on} icon={on ? <Pause /> : <ArrowDown />} onClick={() => set(!on)}>
      {t(on ? "activity:pause" : "activity:follow")}
    </Button>
  );
}
