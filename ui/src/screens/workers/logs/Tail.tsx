import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, Download, Pause, Search, WrapText } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { WorkerLogOut } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorText } from "@/parts/ErrorPanel";
import { Input, Select } from "@/parts/Field";
import { CopyButton, Empty, Skeleton, Tip } from "@/parts/small";
import { saveFile } from "@/parts/table/export";
import { useAddress } from "@/shell/address";
import { asError } from "@/shell/api";
import { recall, remember } from "@/shell/store";
import { versionName } from "../listed";
import type { TabProps } from "../tabs";
import { useVersions } from "../useVersions";
import { LogText } from "./LogText";
import { asText } from "./tail";
import { useTail } from "./useTail";

const LEVELS = ["debug", "info", "warn", "error", "system"] as const;
const TYPING_MS = 300;
const NEAR_END = 24;

/** Lines as they are written, with what narrows them in the address. */
export function Tail({ worker, children }: TabProps & { children: ReactNode }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const [follows, setFollows] = useState(true);
  const [wraps, setWraps] = useState(() => recall("log.wrap", true));
  const filter = { text: search.q ?? "", level: search.level ?? "", version: search.version ?? "" };
  const { lines, isRead, error } = useTail(worker.id, filter, follows && worker.deleted_at === null);
  const narrowed = Boolean(filter.text || filter.level || filter.version);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2 sm:px-6">
        {children}
        <Find value={filter.text} onChange={(q) => set({ q })} />
        <Levels value={filter.level} onChange={(level) => set({ level })} />
        <Versions worker={worker} value={filter.version} onChange={(version) => set({ version })} />
        <div className="ml-auto flex items-center gap-1">
          <Tip text={t("activity:wrap")}>
            <Button
              look="quiet"
              size="icon"
              aria-label={t("activity:wrap")}
              aria-pressed={wraps}
              icon={<WrapText className={wraps ? "text-accent-text" : undefined} />}
              onClick={() => {
                remember("log.wrap", !wraps);
                setWraps(!wraps);
              }}
            />
          </Tip>
          <Button
            look="quiet"
            size="small"
            aria-pressed={follows}
            icon={follows ? <Pause /> : <ArrowDown />}
            onClick={() => setFollows(!follows)}
          >
            {t(follows ? "activity:pause" : "activity:follow")}
          </Button>
          <Tip text={t("activity:saveLog")}>
            <Button
              look="quiet"
              size="icon"
              aria-label={t("activity:saveLog")}
              icon={<Download />}
              disabled={lines.length === 0}
              onClick={() => saveFile(`${worker.name}.log`, "text/plain", `${asText(lines)}\n`)}
            />
          </Tip>
          <CopyButton text={asText(lines)} label={t("shell:copy")} />
        </div>
      </div>
      {error !== null && (
        <div className="px-4 pt-2 sm:px-6">
          <ErrorText error={asError(error)} />
        </div>
      )}
      {lines.length > 0 ? (
        <Lines
          lines={lines}
          wraps={wraps}
          follows={follows}
          setFollows={setFollows}
          onOpen={(call) => set({ call }, true)}
        />
      ) : !isRead ? (
        <Skeleton className="m-6 h-24" />
      ) : (
        <Empty
          dull={narrowed}
          icon={<Search />}
          title={t(narrowed ? "workers:noLines" : "workers:noLogs")}
          lead={t(narrowed ? "workers:noLinesLead" : "workers:noLogsLead")}
        />
      )}
    </div>
  );
}

interface ChoiceProps {
  value: string;
  onChange: (value: string | undefined) => void;
}

/** Asked for when typing pauses. */
function Find({ value, onChange }: ChoiceProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(value);
  const told = useRef(onChange);
  told.current = onChange;
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => told.current(typed || undefined), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value]);
  return (
    <Input
      type="search"
      aria-label={t("workers:findLines")}
      placeholder={t("workers:findLines")}
      className="!w-44 max-w-full"
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}

function Levels({ value, onChange }: ChoiceProps) {
  const { t } = useTranslation();
  return (
    <Select
      aria-label={t("activity:level")}
      className="!w-auto"
      value={value}
      onChange={(event) => onChange(event.target.value || undefined)}
    >
      <option value="">{t("workers:allLevels")}</option>
      {LEVELS.map((level) => (
        <option key={level} value={level}>
          {t(`workers:levels.${level}`)}
        </option>
      ))}
    </Select>
  );
}

function Versions({ worker, value, onChange }: ChoiceProps & TabProps) {
  const { t } = useTranslation();
  const { data: versions } = useVersions(worker.id);
  if (!versions || (versions.length < 2 && !value)) return null;
  return (
    <Select
      aria-label={t("workers:version")}
      className="!w-auto max-w-40"
      value={value}
      onChange={(event) => onChange(event.target.value || undefined)}
    >
      <option value="">{t("workers:allVersions")}</option>
      {versions.map((each) => (
        <option key={each.id} value={each.id}>
          {versionName(each)}
        </option>
      ))}
    </Select>
  );
}

interface LinesProps {
  lines: readonly WorkerLogOut[];
  wraps: boolean;
  follows: boolean;
  setFollows: (follows: boolean) => void;
  onOpen: (invocation: string) => void;
}

/** Only what is in sight is drawn. Scrolling up stops following; reaching the end begins again. */
function Lines({ lines, wraps, follows, setFollows, onOpen }: LinesProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 24,
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
      aria-label={t("workers:logs")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onWheel={({ deltaY }) => deltaY < 0 && setFollows(false)}
      onKeyDown={({ key }) => /^(ArrowUp|PageUp|Home)$/.test(key) && setFollows(false)}
      onTouchMove={() => setFollows(false)}
      onScroll={({ currentTarget: at }) => {
        if (at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END && !follows) setFollows(true);
      }}
      className="min-h-0 flex-1 overflow-auto px-4 py-2 font-mono text-xs sm:px-6"
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
                <LogText line={line} wraps={wraps} onOpen={onOpen} />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}
