import { useMutation, useQuery } from "@tanstack/react-query";
import { Download, RefreshCw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { downloadLifeGet, downloadLifePut, type LinkLife, masterKeyRead, masterKeyRotate, tlsAuthority } from "@/api";
import { Button, Spinner } from "@/parts/Button";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { Facts, Section } from "@/parts/Page";
import { Setting } from "@/parts/Setting";
import { Badge } from "@/parts/small";
import { saveFile } from "@/parts/table/export";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../Asked";
import { Switch } from "../Switch";
import { KIT } from "./recovery/kit";
import { spanText } from "./span";

/** The key all others are wrapped with, the certificate clients trust, and how long signed links live. */
export default function Keys() {
  return (
    <>
      <MasterKey />
      <Authority />
      <Links />
    </>
  );
}

function MasterKey() {
  const { t } = useTranslation();
  const can = useCan();
  const [asks, setAsks] = useState(false);
  const key = useQuery({ queryKey: ["master_keys"], queryFn: () => data(masterKeyRead()) });
  const rotate = useMutation({
    mutationFn: (everything: boolean) => data(masterKeyRotate({ body: { data_keys: everything } })),
    networkMode: "always",
    onSuccess: async (done) => {
      toast.good(
        t("system:rotated", { count: done.rewrapped }),
        done.leftover ? t("system:leftover") : t("system:kitStale"),
      );
      void queries.invalidateQueries({ queryKey: KIT });
      await queries.invalidateQueries({ queryKey: ["master_keys"] });
    },
  });
  return (
    <Section
      title={t("system:master")}
      aside={
        can("system.key.rotate") && (
          <Button icon={<RefreshCw />} busy={rotate.isPending} onClick={() => setAsks(true)}>
            {t("system:rotate")}
          </Button>
        )
      }
    >
      <Asked of={key}>
        {(found) => (
          <>
            <Facts
              facts={[
                ["ID", <code key="id">{found.id}</code>],
                [t("system:wraps"), t("system:keysCount", { count: found.data_keys })],
                [
                  t("system:where"),
                  <code key="where" className="break-all">
                    {found.where}
                  </code>,
                  "wide",
                ],
              ]}
            />
            {found.retiring.length > 0 && !rotate.isPending && (
              <p className="mt-3">
                <Badge tone="warn">{t("system:unfinished")}</Badge> {t("system:unfinishedLead")}
              </p>
            )}
          </>
        )}
      </Asked>
      {rotate.isPending && (
        <p role="status" className="mt-3 flex items-center gap-2 text-muted">
          <Spinner /> {t("system:rotating")}
        </p>
      )}
      {asks && (
        <AskRotate
          onClose={() => setAsks(false)}
          onGo={(everything) => {
            setAsks(false);
            rotate.mutate(everything);
          }}
        />
      )}
    </Section>
  );
}

function AskRotate({ onGo, onClose }: { onGo: (everything: boolean) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [everything, setEverything] = useState(false);
  return (
    <FormDialog
      as="dialog"
      title={t("system:rotateTitle")}
      lead={t("system:rotateLead")}
      verb={t("system:rotate")}
      save={async () => onGo(everything)}
      onClose={onClose}
    >
      {() => (
        <Switch
          title={t("system:everything")}
          lead={t("system:everythingLead")}
          checked={everything}
          onChange={setEverything}
        />
      )}
    </FormDialog>
  );
}

function Authority() {
  const { t } = useTranslation();
  const fetched = useMutation({
    mutationFn: async () => {
      const answer = (await data(tlsAuthority({ parseAs: "text" }))) as string;
      if (!answer) toast.bad(t("system:noAuthority"), t("system:noAuthorityLead"));
      else saveFile("holdfast-ca.pem", "application/x-pem-file", answer);
    },
  });
  return (
    <Setting title={t("system:authority")} lead={t("system:authorityLead")}>
      <Button icon={<Download />} busy={fetched.isPending} onClick={() => fetched.mutate()}>
        {t("system:downloadCa")}
      </Button>
    </Setting>
  );
}

function Links() {
  const { t } = useTranslation();
  const can = useCan();
  const [editing, setEditing] = useState(false);
  const life = useQuery({
    queryKey: ["downloads", "life"],
    queryFn: () => data(downloadLifeGet()),
    enabled: can("snapshot.download"),
  });
  const now = life.data;
  if (!can("snapshot.download")) return null;
  return (
    <Setting
      title={t("system:links")}
      lead={
        now
          ? t("system:linksLead", { usual: spanText(now.default_seconds), most: spanText(now.most_seconds) })
          : t("system:linksShort")
      }
    >
      <div className="flex items-center gap-4">
        {now && can("system.admin") && (
          <Button aria-label={`${t("limits:edit")}: ${t("system:editLinks")}`} onClick={() => setEditing(true)}>
            {t("limits:edit")}
          </Button>
        )}
        <A to="/settings/files" className="text-accent-text text-sm hover:underline">
          {t("system:filesToo")}
        </A>
      </div>
      {now && editing && <LifeForm now={now} onClose={() => setEditing(false)} />}
    </Setting>
  );
}

function LifeForm({ now, onClose }: { now: LinkLife; onClose: () => void }) {
  const { t } = useTranslation();
  const [usual, setUsual] = useState(String(now.default_seconds / 3600));
  const [most, setMost] = useState(String(now.most_seconds / 3600));
  const seconds = (hours: string) => Math.round(Number(hours) * 3600);
  return (
    <FormDialog
      as="dialog"
      title={t("system:editLinks")}
      lead={t("system:editLinksLead")}
      verb={t("shell:save")}
      save={async () => {
        const body = { default_seconds: seconds(usual), most_seconds: seconds(most) };
        queries.setQueryData(["downloads", "life"], await data(downloadLifePut({ body })));
      }}
      onClose={onClose}
    >
      {(wrong) => (
        <div className="grid grid-cols-2 gap-3">
          <Field label={t("system:usual")} error={wrong.default_seconds}>
            {(given) => (
              <Input
                {...given}
                required
                type="number"
                min={0}
                step="any"
                value={usual}
                onChange={(event) => setUsual(event.target.value)}
              />
            )}
          </Field>
          <Field label={t("system:atMost")} error={wrong.most_seconds}>
            {(given) => (
              <Input
                {...given}
                required
                type="number"
                min={0}
                step="any"
                value={most}
                onChange={(event) => setMost(event.target.value)}
              />
            )}
          </Field>
        </div>
      )}
    </FormDialog>
  );
}
