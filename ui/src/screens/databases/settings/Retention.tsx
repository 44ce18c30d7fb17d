import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type DatabaseOut,
  type RetentionOut,
  retentionApply,
  retentionOfDatabase,
  retentionPreview,
  retentionSetDatabase,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { KEEP } from "../../plans/draft";
import { Outcome } from "../../plans/Thinning";
import type { TabProps } from "../tabs";
import { DrillAims } from "./DrillAims";
import { draftOf, policyOf } from "./policy";

/** Which snapshots of this database stay, and what its restore drills aim at. */
export function Retention({ database }: TabProps) {
  const can = useCan();
  const {
    data: rule,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", "rules", database.id],
    queryFn: () => data(retentionOfDatabase({ path: { database_id: database.id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <>
      {rule ? <Rules key={JSON.stringify(rule)} database={database} rule={rule} /> : <Skeleton className="m-6 h-40" />}
      {can("drill.read") && <DrillAims database={database} />}
    </>
  );
}

function Rules({ database, rule }: { database: DatabaseOut; rule: RetentionOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const able = can("retention.write");
  const [draft, setDraft] = useState(() => draftOf(rule));
  const [applying, setApplying] = useState(false);
  const path = { database_id: database.id };
  const policy = policyOf(draft);
  const changed = JSON.stringify(draft) !== JSON.stringify(draftOf(rule));
  const preview = useQuery({
    queryKey: ["snapshots", "retention", database.id, "asked"],
    queryFn: () => data(retentionPreview({ path, query: { limit: 100 }, body: { policy } })),
    enabled: false,
    gcTime: 0,
  });
  const save = useMutation({
    mutationFn: (own: boolean) =>
      data(retentionSetDatabase({ path, body: { policy: own ? policy : null, tz: draft.tz || "UTC" } })),
    meta: { quiet: true },
    onSuccess: (after) => {
      queries.setQueryData(["snapshots", "rules", database.id], after);
      toast.good(t("dbsettings:saved"));
    },
  });
  const error = save.error ? asError(save.error) : preview.error ? asError(preview.error) : null;
  return (
    <Section
      title={t("dbsettings:retention")}
      aside={
        <Badge tone={rule.inherited ? "plain" : "info"}>
          {t(`dbsettings:ruleOf.${rule.inherited ? rule.scope : "own"}`)}
        </Badge>
      }
    >
      <div className="grid max-w-3xl gap-4">
        <p className="text-muted">{t("dbsettings:retentionLead")}</p>
        <fieldset disabled={!able} className="grid grid-cols-2 gap-3 sm:grid-cols-4">
          {KEEP.map((each) => (
            <Field key={each} label={t(`plans:keep.${each}`)} error={error?.fields[`policy.${each}`]}>
              {(given) => (
                <Input
                  {...given}
                  inputMode="numeric"
                  value={draft.keep[each]}
                  onChange={(event) => setDraft({ ...draft, keep: { ...draft.keep, [each]: event.target.value } })}
                />
              )}
            </Field>
          ))}
          {(["within", "minimum", "tags", "tz"] as const).map((each) => (
            <Field
              key={each}
              label={t(`dbsettings:keep.${each}`)}
              error={error?.fields[`policy.${each}`] ?? error?.fields[each]}
            >
              {(given) => (
                <Input
                  {...given}
                  inputMode={each === "within" || each === "minimum" ? "numeric" : undefined}
                  spellCheck={false}
                  value={draft[each]}
                  onChange={(event) => setDraft({ ...draft, [each]: event.target.value })}
                />
              )}
            </Field>
          ))}
        </fieldset>
        {error && <ErrorText error={error} />}
        <div className="flex flex-wrap gap-2">
          {able && (
            <Button
              look="primary"
              disabled={!changed}
              busy={save.isPending && save.variables}
              onClick={() => save.mutate(true)}
            >
              {t("shell:save")}
            </Button>
          )}
          <Button busy={preview.isFetching} onClick={() => void preview.refetch()}>
            {t("dbsettings:preview")}
          </Button>
          {able && !rule.inherited && (
            <Button busy={save.isPending && !save.variables} onClick={() => save.mutate(false)}>
              {t("dbsettings:inherit")}
            </Button>
          )}
          {can("retention.apply") && (
            <Button disabled={changed} onClick={() => setApplying(true)}>
              {t("dbsettings:applyNow")}
            </Button>
          )}
        </div>
        {preview.data && <Outcome of={preview.data} />}
      </div>
      <Confirm
        open={applying}
        onOpenChange={setApplying}
        danger
        name={database.name}
        title={t("dbsettings:applyTitle")}
        lead={t("dbsettings:applyLead")}
        verb={t("dbsettings:applyNow")}
        act={async () => {
          const done = await data(retentionApply({ path, body: { confirm: database.name } }));
          await queries.invalidateQueries({ queryKey: ["snapshots"] });
          toast.good(t("dbsettings:applied", { count: done.forgotten.length }));
        }}
      />
    </Section>
  );
}
