import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type UsageOut, type UsedOut, usageRead } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Section } from "@/parts/Page";
import { Time } from "@/parts/small";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { Asked } from "../../Asked";
import { spanText } from "../span";
import { amountText } from "./limits";

/** One's own and the project's, as bars; what is counted moves with every call, so it is asked again by hand. */
export function Used() {
  const { t } = useTranslation();
  const { project } = useScope();
  const mine = useQuery({ queryKey: ["usage", "mine"], queryFn: () => data(usageRead()), staleTime: 0 });
  const projects = useQuery({
    queryKey: ["usage", project?.id],
    queryFn: () => data(usageRead({ query: { subject: "project", subject_id: project?.id } })),
    enabled: project !== null,
    staleTime: 0,
  });
  const again = () => {
    void mine.refetch();
    void projects.refetch();
  };
  return (
    <Section
      title={t("limits:left")}
      aside={
        <Button size="small" icon={<RefreshCw />} busy={mine.isFetching} onClick={again}>
          {t("system:readAgain")}
        </Button>
      }
    >
      <div className="grid max-w-4xl gap-x-10 gap-y-6 md:grid-cols-2">
        <div>
          <h3 className="mb-2 font-medium text-muted text-xs">{t("limits:you")}</h3>
          <Asked of={mine}>{(found) => <Bars of={found} />}</Asked>
        </div>
        {project && (
          <div>
            <h3 className="mb-2 break-words font-medium text-muted text-xs">
              {t("limits:ofProject", { name: project.name })}
            </h3>
            <Asked of={projects}>{(found) => <Bars of={found} />}</Asked>
          </div>
        )}
      </div>
    </Section>
  );
}

function Bars({ of }: { of: UsageOut }) {
  const { t } = useTranslation();
  if (of.items.length === 0) return <p className="text-muted">{t("limits:unlimited")}</p>;
  return (
    <ul className="grid gap-3">
      {of.items.map((each) => (
        <li key={each.what}>
          <Bar of={each} />
        </li>
      ))}
    </ul>
  );
}

function Bar({ of }: { of: UsedOut }) {
  const { t } = useTranslation();
  const part = of.limit === null ? 0 : Math.min(1, of.limit === 0 ? 1 : of.used / of.limit);
  const name = t(`limits:what.${of.what}`);
  const used = amountText(of.what, of.used);
  return (
    <>
      <p className="mb-1 flex flex-wrap justify-between gap-x-3">
        <span className="font-medium">
          {name}
          {of.window_seconds > 0 && (
            <span className="font-normal text-muted text-xs">
              {" "}
              {t("limits:in", { span: spanText(of.window_seconds) })}
            </span>
          )}
        </span>
        <span className={cx("text-xs tabular-nums", of.near ? "font-medium text-bad" : "text-muted")}>
          {of.limit === null
            ? t("limits:usedOnly", { used })
            : t("limits:usedOf", { used, limit: amountText(of.what, of.limit) })}
        </span>
      </p>
      <div
        role="progressbar"
        aria-label={name}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(part * 100)}
        className="h-1.5 overflow-hidden rounded-full bg-strong-line/40"
      >
        <div
          className={cx("h-full rounded-full", of.near ? "bg-bad-fill" : "bg-accent")}
          style={{ width: `${part * 100}%` }}
        />
      </div>
      {of.near && (
        <p className="mt-1 text-bad text-xs">
          {t("limits:near")} {of.reset_at && <Time at={of.reset_at} />}
        </p>
      )}
    </>
  );
}
