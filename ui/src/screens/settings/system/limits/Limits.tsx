import { useMutation, useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type LimitOut, limitClear, limitList, limitSet, limitShipped, type ShippedOut } from "@/api";
import { Button } from "@/parts/Button";
import { Entries, Entry } from "@/parts/Entries";
import { Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan, useWho } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../../Asked";
import { spanText } from "../span";
import { LimitForm } from "./LimitForm";
import { amountText, KINDS, type Kind, standing, WHATS, type What } from "./limits";
import { Used } from "./Used";

/** What is used and left, what holds for everyone, and what was set for one. */
export default function Limits() {
  const { t } = useTranslation();
  const { projects } = useWho();
  const can = useCan();
  const able = can("limit.write") && projects === null;
  const { creating, end, add } = useCreating("limit.new", t("limits:new"), able);
  const shipped = useQuery({
    queryKey: ["limits", "shipped"],
    queryFn: () => data(limitShipped()),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const own = useQuery({
    queryKey: ["limits", "own"],
    queryFn: async () => (await data(limitList({ query: { limit: 200 } }))).items,
  });
  const [editing, setEditing] = useState<{ subject: Kind; what: What; own: LimitOut | null } | null>(null);
  return (
    <>
      <Used />
      <Section title={t("limits:own")} aside={add}>
        <Asked of={own}>{(found) => <Own found={found} able={able} edit={setEditing} />}</Asked>
      </Section>
      <Section title={t("limits:defaults")}>
        <p className="mb-3 max-w-2xl text-muted text-sm">{t("limits:defaultsLead")}</p>
        {shipped.data && own.data ? (
          <Defaults shipped={shipped.data} own={own.data} able={able} edit={setEditing} />
        ) : (
          <Skeleton className="h-40 max-w-3xl" />
        )}
      </Section>
      {shipped.data && (creating || editing) && (
        <LimitForm
          key={editing ? `${editing.subject} ${editing.what}` : "new"}
          shipped={shipped.data}
          start={editing}
          onClose={() => (editing ? setEditing(null) : end())}
        />
      )}
    </>
  );
}

interface OwnProps {
  found: readonly LimitOut[];
  able: boolean;
  edit: (of: { subject: Kind; what: What; own: LimitOut }) => void;
}

function Own({ found, able, edit }: OwnProps) {
  const { t } = useTranslation();
  const { projects } = useScope();
  const again = () => {
    void queries.invalidateQueries({ queryKey: ["usage"] });
    return queries.invalidateQueries({ queryKey: ["limits"] });
  };
  const back = useMutation({
    mutationFn: ({ subject, subject_id, what, amount, window_seconds }: LimitOut) =>
      data(limitSet({ body: { subject, subject_id, what, amount, window_seconds: window_seconds || null } })),
    onSuccess: again,
  });
  const clear = useMutation({
    mutationFn: ({ id }: LimitOut) => data(limitClear({ path: { limit_id: id } })),
    networkMode: "always",
    onSuccess: async (_gone, limit) => {
      toast.undo(t("limits:cleared"), t("shell:undo"), () => back.mutate(limit));
      await again();
    },
  });
  const whose = (of: LimitOut) =>
    of.subject_id === null
      ? t(`limits:all.${of.subject}`)
      : (projects.find(({ id }) => id === of.subject_id)?.name ?? of.subject_id);
  return (
    <Entries label={t("limits:own")}>
      {found.map((each) => {
        const name = `${whose(each)}, ${t(`limits:what.${each.what}`)}`;
        return (
          <Entry
            key={each.id}
            title={whose(each)}
            state={<Badge>{t(`limits:what.${each.what}`)}</Badge>}
            lead={
              <>
                <Says what={each.what} amount={each.amount} seconds={each.window_seconds} /> ·{" "}
                <Time at={each.changed_at} />
              </>
            }
          >
            {able && (
              <>
                <Button
                  size="small"
                  aria-label={t("limits:editOf", { name })}
                  onClick={() => edit({ subject: each.subject, what: each.what, own: each })}
                >
                  {t("limits:edit")}
                </Button>
                <Button
                  size="small"
                  look="quiet"
                  icon={<Trash2 />}
                  aria-label={t("limits:clearOf", { name })}
                  onClick={() => clear.mutate(each)}
                />
              </>
            )}
          </Entry>
        );
      })}
      {found.length === 0 && <Entry title={t("limits:none")} lead={t("limits:noneLead")} />}
    </Entries>
  );
}

/** "10,000 in 1 h", "No limit". */
export function Says({ what, amount, seconds }: { what: What; amount: number | null; seconds: number }) {
  const { t } = useTranslation();
  if (amount === null) return t("limits:unlimited");
  const said = amountText(what, amount);
  return seconds ? t("limits:per", { amount: said, span: spanText(seconds) }) : said;
}

interface DefaultsProps {
  shipped: readonly ShippedOut[];
  own: readonly LimitOut[];
  able: boolean;
  edit: (of: { subject: Kind; what: What; own: LimitOut | null }) => void;
}

function Defaults({ shipped, own, able, edit }: DefaultsProps) {
  const { t } = useTranslation();
  return (
    <div className="max-w-4xl overflow-x-auto">
      <table className="w-full min-w-[600px] text-left">
        <thead>
          <tr className="text-muted text-xs">
            <th className="py-1 pr-3 font-medium">{t("limits:of")}</th>
            {KINDS.map((kind) => (
              <th key={kind} className="py-1 pr-3 font-medium" scope="col">
                {t(`limits:all.${kind}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {WHATS.map((what) => (
            <tr key={what} className="border-t">
              <th scope="row" className="py-2 pr-3 font-medium">
                {t(`limits:what.${what}`)}
              </th>
              {KINDS.map((kind) => {
                const holds = standing(shipped, own, kind, what);
                const said = holds && <Says what={what} amount={holds.amount} seconds={holds.window_seconds} />;
                return (
                  <td key={kind} className="py-1 pr-3">
                    {holds && able ? (
                      <button
                        type="button"
                        className="-mx-1.5 min-h-7 rounded-md px-1.5 text-left hover:bg-hover"
                        onClick={() => edit({ subject: kind, what, own: holds.own })}
                      >
                        <span className="sr-only">{`${t(`limits:all.${kind}`)}, ${t(`limits:what.${what}`)}: `}</span>
                        {said}
                      </button>
                    ) : (
                      (said ?? <span className="text-faint">–</span>)
                    )}
                    {holds?.own && <span className="ml-1 text-accent-text text-xs">{t("limits:changed")}</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
