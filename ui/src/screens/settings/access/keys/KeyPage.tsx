import { useMutation, useQuery } from "@tanstack/react-query";
import { RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, keyRead, keyRevoke, keyRotate, userRead } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Select } from "@/parts/Field";
import { Facts, PageHead, Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { A, useId } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { nameOf } from "../people/words";
import { byNoun } from "../shared/roles";
import { KeyShown } from "./KeyShown";
import { isOver, KeyBadge, type KeyOut, useKeyWords } from "./words";

const OVERLAPS = ["0", "3600", "86400", "604800"] as const;

export default function KeyPage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: key,
    error,
    refetch,
  } = useQuery({ queryKey: ["keys", id], queryFn: () => data(keyRead({ path: { key_id: id } })) });
  if (error && !key) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={key?.name ?? "…"}
        back={{ to: "/settings/keys", title: t("apikeys:title") }}
        state={key && <KeyBadge of={key} />}
      >
        {key && !isOver(key) && <Verbs of={key} />}
      </PageHead>
      <div className="min-h-0 flex-1 overflow-y-auto border-t">
        {key ? <Body of={key} /> : <Skeleton className="m-6 h-24" />}
      </div>
    </div>
  );
}

function Body({ of }: { of: KeyOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { may, where } = useKeyWords();
  const { projects, environments, filter } = useScope();
  const { data: databases } = useQuery({
    queryKey: ["databases", "names", filter],
    queryFn: async () => (await data(databaseList({ query: { ...filter, limit: 200 } }))).items,
    enabled: of.resources.length > 0,
  });
  const named = (all: readonly { id: string; name: string }[], id: string) =>
    all.find((each) => each.id === id)?.name ?? id;
  const places = [
    ...(of.projects ?? []).map((id) => [id, named(projects, id)] as const),
    ...of.environments.map((id) => [id, named(environments, id)] as const),
  ];
  return (
    <>
      <Section title={t("apikeys:about")}>
        <Facts
          facts={[
            [t("apikeys:may"), may(of)],
            [t("apikeys:used"), of.last_used_at ? <Time key="used" at={of.last_used_at} /> : t("apikeys:never")],
            [t("apikeys:expires"), of.expires_at ? <Time key="expires" at={of.expires_at} /> : t("apikeys:never")],
            [t("apikeys:made"), <Time key="made" at={of.created_at} />],
            [
              t("apikeys:by"),
              of.owner_id && can("user.read") ? <Owner key="by" id={of.owner_id} /> : (of.owner_id ?? of.created_by),
            ],
            [
              t("apikeys:where"),
              places.length + of.resources.length === 0 ? (
                where(of)
              ) : (
                <ul key="where">
                  {places.map(([id, name]) => (
                    <li key={id}>{name}</li>
                  ))}
                  {of.resources.map((id) => (
                    <li key={id}>
                      <A to={`/databases/${id}`} className="text-accent-text hover:underline">
                        {named(databases ?? [], id)}
                      </A>
                    </li>
                  ))}
                </ul>
              ),
            ],
          ]}
        />
      </Section>
      <Section title={t("apikeys:secrets")}>
        <ul>
          {of.secrets.map((each) => (
            <li key={each.prefix} className="flex flex-wrap items-center gap-x-4 border-t py-2 first:border-t-0">
              <code>hf_{each.prefix}…</code>
              {each.valid_until ? (
                <span className="text-muted text-xs">
                  {t("apikeys:until")} <Time at={each.valid_until} />
                </span>
              ) : (
                <Badge>{t("apikeys:newest")}</Badge>
              )}
              <span className="text-muted text-xs">
                {t("apikeys:used")}: {each.last_used_at ? <Time at={each.last_used_at} /> : t("apikeys:never")}
              </span>
            </li>
          ))}
        </ul>
      </Section>
      <Section title={t("apikeys:allows")}>
        <dl className="grid gap-x-6 gap-y-2 sm:grid-cols-2 lg:grid-cols-3">
          {byNoun(of.permissions).map(([noun, names]) => (
            <div key={noun}>
              <dt className="font-medium text-xs">{noun}</dt>
              <dd className="text-muted text-xs">{names.map((name) => name.slice(noun.length + 1)).join(", ")}</dd>
            </div>
          ))}
        </dl>
        {of.permissions.length === 0 && <p className="text-muted">{of.role ?? t("apikeys:none")}</p>}
      </Section>
    </>
  );
}

/** By name once it is known; the id leads there too. */
function Owner({ id }: { id: string }) {
  const { data: user } = useQuery({
    queryKey: ["people", id],
    queryFn: () => data(userRead({ path: { user_id: id } })),
  });
  return (
    <A to={`/settings/people/${id}`} className="text-accent-text hover:underline">
      {user ? nameOf(user) : id}
    </A>
  );
}

function Verbs({ of }: { of: KeyOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [doing, setDoing] = useState<"rotate" | "revoke" | null>(null);
  const [made, setMade] = useState(false);
  return (
    <>
      {can("key.rotate") && (
        <Button icon={<RotateCw />} onClick={() => setDoing("rotate")}>
          {t("apikeys:rotate")}
        </Button>
      )}
      {can("key.revoke") && (
        <Button icon={<Trash2 />} onClick={() => setDoing("revoke")}>
          {t("apikeys:revoke")}
        </Button>
      )}
      {doing === "rotate" && <Rotate of={of} onClose={() => setDoing(null)} />}
      <Confirm
        open={doing === "revoke"}
        onOpenChange={() => setDoing(null)}
        danger
        title={t("apikeys:revokeTitle", { name: of.name })}
        lead={
          <>
            {t("apikeys:revokeLead")}
            <label className="mt-2 flex items-center gap-2 text-text">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={made}
                onChange={(event) => setMade(event.target.checked)}
              />
              {t("apikeys:revokeMade")}
            </label>
          </>
        }
        verb={t("apikeys:revoke")}
        name={of.name}
        act={async () => {
          await data(keyRevoke({ path: { key_id: of.id }, query: { made } }));
          await queries.invalidateQueries({ queryKey: ["keys"] });
        }}
      />
    </>
  );
}

function Rotate({ of, onClose }: { of: KeyOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [overlap, setOverlap] = useState("86400");
  const [key] = useState(once);
  const rotate = useMutation({
    mutationFn: () =>
      data(keyRotate({ path: { key_id: of.id }, body: { overlap_seconds: Number(overlap) }, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
  });
  if (rotate.data?.key) return <KeyShown name={of.name} secret={rotate.data.key} onClose={onClose} />;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("apikeys:rotateTitle", { name: of.name })}
      lead={t("apikeys:rotateLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" busy={rotate.isPending} onClick={() => rotate.mutate()}>
            {t("apikeys:rotate")}
          </Button>
        </>
      }
    >
      <div className="grid gap-3">
        <Field label={t("apikeys:overlap")}>
          {(given) => (
            <Select {...given} value={overlap} onChange={(event) => setOverlap(event.target.value)}>
              {OVERLAPS.map((each) => (
                <option key={each} value={each}>
                  {t(`apikeys:overlaps.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {rotate.isError && <ErrorText error={asError(rotate.error)} />}
      </div>
    </Dialog>
  );
}
