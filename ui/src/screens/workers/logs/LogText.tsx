import { useTranslation } from "react-i18next";
import type { WorkerLogOut } from "@/api";
import { cx } from "@/parts/classes";
import { clock, moment } from "@/parts/text";

const LOOKS: Record<string, string> = {
  debug: "text-muted",
  warn: "text-warn",
  warning: "text-warn",
  error: "text-bad",
  system: "text-info",
};

interface Props {
  line: WorkerLogOut;
  wraps: boolean;
  /** Opens the call that said it. */
  onOpen?: (invocation: string) => void;
}

/** One line; its moment leads to the call that said it. */
export function LogText({ line, wraps, onOpen }: Props) {
  const { t } = useTranslation();
  const at = new Date(line.at).toISOString();
  const when = (
    <time dateTime={at} title={moment(at)}>
      {clock(at)}
    </time>
  );
  const { invocation } = line;
  const look = LOOKS[line.level];
  return (
    <div className="flex gap-3 leading-6">
      {invocation && onOpen ? (
        <button
          type="button"
          className="shrink-0 self-start text-muted underline decoration-dotted underline-offset-2 hover:text-text"
          onClick={() => onOpen(invocation)}
        >
          {when}
        </button>
      ) : (
        <span className="shrink-0 text-muted">{when}</span>
      )}
      <span className={cx(wraps ? "min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]" : "whitespace-pre", look)}>
        {look && line.level !== "debug" && (
          <span className="font-semibold">{t(`workers:levels.${line.level}`, { defaultValue: line.level })} </span>
        )}
        {line.text}
      </span>
    </div>
  );
}
