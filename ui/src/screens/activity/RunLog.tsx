import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, Download, Pause, WrapText } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { CopyButton, Tip } from "@/parts/small";
import { saveFile } from "@/parts/table/export";
import { clock } from "@/parts/text";
import { recall, remember } from "@/shell/store";
import { asText, atLeast, fieldsOf, LEVELS, type Level } from "./log";
import type { LogLine } from "./useRunStream";

interface Props {
  id: string;
  lines: readonly LogLine[];
  /** The run has ended: there will be no more. */
  over: boolean;
}

/** A run's log: as it is written, and all of it at the end. */
export function RunLog({ id, lines, over }: Props) {
  const { t } = useTranslation();
  const [level, setLevel] = useState<Level>("all");
  const [wraps, setWraps] = useState(() => recall("log.wrap", true));
  const [follows, setFollows] = useState(true);
  const shown = useMemo(() => atLeast(lines, level), [lines, level]);
  function wrap() {
    remember("log.wrap", !wraps);
    setWraps(!wraps);
  }
  return (
    <Section
      title={t("activity:log")}
      aside={
        lines.length > 0 && (
          <div className="flex flex-wrap items-center justify-end gap-1">
            <Segments
              label={t("activity:level")}
              value={level}
              onChange={(value) => setLevel(value as Level)}
              options={LEVELS.map((value) => ({ value, label: t(`activity:levels.${value}`) }))}
            />
            <Tip text={t("activity:wrap")}>
              <Button
                look="quiet"
                size="icon"
                aria-label={t("activity:wrap")}
                aria-pressed={wraps}
                icon={<WrapText className={wraps ? "text-accent-text" : undefined} />}
                onClick={wrap}
              />
            </Tip>
            {!over && (
              <Button
                look="quiet"
                size="small"
                aria-pressed={follows}
                icon={follows ? <Pause /> : <ArrowDown />}
                onClick={() => setFollows(!follows)}
              >
                {t(follows ? "activity:pause" : "activity:follow")}
              </Button>
            )}
            <Tip text={t("activity:saveLog")}>
              <Button
                look="quiet"
                size="icon"
                aria-label={t("activity:saveLog")}
                icon={<Download />}
                onClick={() => saveFile(`${id}.log`, "text/plain", `${asText(lines)}\n`)}
              />
            </Tip>
            <CopyButton text={asText(lines)} label={t("shell:copy")} />
          </div>
        )
      }
    >
      {shown.length > 0 ? (
        <Lines lines={shown} wraps={wraps} follows={follows} setFollows={setFollows} />
      ) : (
        <p className="rounded-md border bg-sunken px-3 py-2 text-muted text-xs">
          {t(lines.length > 0 ? "activity:noneSoGrave" : over ? "activity:noLog" : "activity:waiting")}
        </p>
      )}
    </Section>
  );
}

const LOOKS: Record<string, string> = { warning: "text-warn", error: "text-bad", critical: "text-bad" };
const NEAR_END = 24;

interface LinesProps {
  lines: readonly LogLine[];
  wraps: boolean;
  follows: boolean;
  setFollows: (follows: boolean) => void;
}

/** Only what is in sight is drawn, however long the log. Scrolling up stops following; reaching the end begins again. */
function Lines({ lines, wraps, follows, setFollows }: LinesProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 18,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 20,
  });
  const count = lines.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a line more moves the end, and so does another width of lines
  useEffect(() => {
    if (follows && count > 0) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [count, follows, wraps, virtual]);
  return (
    <div
      ref={box}
      role="log"
      aria-label={t("activity:log")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onWheel={({ deltaY }) => deltaY < 0 && setFollows(false)}
      onKeyDown={({ key }) => /^(ArrowUp|PageUp|Home)$/.test(key) && setFollows(false)}
      onTouchMove={() => setFollows(false)}
      onScroll={({ currentTarget: at }) => {
        if (at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END && !follows) setFollows(true);
      }}
      className="max-h-[56vh] min-h-16 overflow-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs"
    >
      <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const line = lines[index];
          if (!line) return null;
          const fields = fieldsOf(line);
          return (
            <p
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className="absolute top-0 left-0 flex min-w-full gap-3"
              style={{ transform: `translateY(${start}px)`, ...(wraps && { width: "100%" }) }}
            >
              <time dateTime={line.at} className="shrink-0 text-muted">
                {clock(line.at)}
              </time>
              <span
                className={cx(
                  wraps ? "min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]" : "whitespace-pre",
                  LOOKS[line.level],
                )}
              >
                {LOOKS[line.level] && <span className="font-semibold">{t(`activity:marks.${line.level}`)} </span>}
                {line.message}
                {fields && <span className="text-muted"> {fields}</span>}
              </span>
            </p>
          );
        })}
      </div>
    </div>
  );
}
