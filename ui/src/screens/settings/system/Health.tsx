import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, RefreshCw, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { healthRead, type ServiceOut } from "@/api";
import { Button } from "@/parts/Button";
import { Entries, Entry } from "@/parts/Entries";
import { Section } from "@/parts/Page";
import { Badge, Time, type Tone } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { data } from "@/shell/api";
import { Asked } from "../Asked";
import { Nodes } from "./Nodes";

const LOOKS: Record<ServiceOut["status"], [Tone, typeof CircleCheck]> = {
  ok: ["good", CircleCheck],
  degraded: ["warn", TriangleAlert],
  down: ["bad", CircleX],
};

/** Each part Holdfast needs, as it answers at this moment. Asked when one looks: nothing asks by itself. */
export default function Health() {
  const { t } = useTranslation();
  const health = useQuery({ queryKey: ["health"], queryFn: () => data(healthRead()), staleTime: 0 });
  return (
    <>
      <Section
        title={t("system:parts")}
        aside={
          <Button size="small" icon={<RefreshCw />} busy={health.isFetching} onClick={() => void health.refetch()}>
            {t("system:askAgain")}
          </Button>
        }
      >
        <Asked of={health}>
          {({ status, timestamp, services }) => (
            <>
              <p className="mb-2 flex flex-wrap items-center gap-2" aria-live="polite">
                <State of={status} />
                <span className="text-muted">{t(`system:overall.${status}`)}</span>
                <span className="text-muted text-xs">
                  <Time at={timestamp} />
                </span>
              </p>
              <Entries label={t("system:parts")}>
                {Object.entries(services).map(([name, each]) => (
                  <Part key={name} name={name} of={each} />
                ))}
              </Entries>
            </>
          )}
        </Asked>
      </Section>
      <Nodes />
    </>
  );
}

export function State({ of }: { of: ServiceOut["status"] }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[of];
  return (
    <Badge tone={tone} icon={<Icon />}>
      {t(`system:states.${of}`)}
    </Badge>
  );
}

function Part({ name, of }: { name: string; of: ServiceOut }) {
  const { t } = useTranslation();
  const message = of.message === name ? "" : of.message;
  return (
    <Entry
      title={t(`system:services.${name}`, { defaultValue: name })}
      state={<State of={of.status} />}
      lead={
        (message || of.hint) && (
          <>
            {message && readable(message)}
            {of.hint && (
              <span className="block text-text">
                <Coded text={of.hint} />
              </span>
            )}
          </>
        )
      }
    >
      <span className="text-muted text-xs tabular-nums">{t("system:took", { ms: count(of.latency_ms) })}</span>
    </Entry>
  );
}

/** What stands between backticks is to be typed. */
function Coded({ text }: { text: string }) {
  return text.split("`").map((part, at) =>
    at % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text, which never move
      <code key={at} className="rounded-sm bg-sunken px-1 font-mono">
        {part}
      </code>
    ) : (
      part
    ),
  );
}

/** Bytes are said in full by the server, for programs. */
function readable(message: string): string {
  return message.replace(/\b(\d{4,}) bytes\b/g, (_all, digits) => bytes(Number(digits)));
}
