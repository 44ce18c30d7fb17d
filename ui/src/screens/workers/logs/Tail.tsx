import { Search } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorText } from "@/parts/ErrorPanel";
import { Input, Select } from "@/parts/Field";
import { LogLines, LogVerbs, useWraps } from "@/parts/LogLines";
import { Empty, Skeleton } from "@/parts/small";
import { useAddress } from "@/shell/address";
import { asError } from "@/shell/api";
import { versionName } from "../listed";
import type { TabProps } from "../tabs";
import { useVersions } from "../useVersions";
import { LogText } from "./LogText";
import { asText } from "./tail";
import { useTail } from "./useTail";

const LEVELS = ["debug", "info", "warn", "error", "system"] as const;
const TYPING_MS = 300;

/** Lines as they are written, with what narrows them in the address. */
export function Tail({ worker, children }: TabProps & { children: ReactNode }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const [follows, setFollows] = useState(true);
  const [wraps, wrap] = useWraps();
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
          <LogVerbs
            name={worker.name}
            text={asText(lines)}
            wraps={wraps}
            onWrap={wrap}
            follow={{ on: follows, set: setFollows }}
          />
        </div>
      </div>
      {error !== null && (
        <div className="px-4 pt-2 sm:px-6">
          <ErrorText error={asError(error)} />
        </div>
      )}
      {lines.length > 0 ? (
        <LogLines
          label={t("workers:logs")}
          lines={lines}
          height={24}
          wraps={wraps}
          follows={follows}
          setFollows={setFollows}
          className="min-h-0 flex-1 px-4 sm:px-6"
        >
          {(line) => <LogText line={line} wraps={wraps} onOpen={(call) => set({ call }, true)} />}
        </LogLines>
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
