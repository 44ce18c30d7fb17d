import { useMutation } from "@tanstack/react-query";
import {
  BadgeCheck,
  Download,
  Ellipsis,
  Lock,
  LockOpen,
  RotateCcw,
  Share2,
  Snowflake,
  Trash2,
  Undo2,
} from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { downloadCreate, type SnapshotOut, snapshotDelete } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Item, Line, Menu } from "@/parts/Menu";
import { useBegun } from "@/parts/useBegun";
import { A, useGo } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { useOffer } from "@/shell/paletteActs";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { ShareSheet } from "./files/ShareSheet";
import { ThawDialog } from "./ThawDialog";
import { useSnapshotActs } from "./useSnapshotActs";
import { VerifyDialog } from "./VerifyDialog";

type Opened = "verify" | "share" | "thaw" | "forget" | "delete" | null;

/** What can be done with a snapshot now; what it is not ready for is not offered. */
export function Verbs({ snapshot }: { snapshot: SnapshotOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { act, back } = useSnapshotActs();
  const [opened, setOpened] = useState<Opened>(null);
  const ready = snapshot.state === "ready";
  const wizard = `/snapshots/${snapshot.id}/restore`;
  const restorable = ready && can("snapshot.restore");
  useRestoreOffer(wizard, restorable);
  const bring = useMutation({ mutationFn: () => back([snapshot.id]), networkMode: "always" });
  const download = useDownload(snapshot.id, () => setOpened("share"));
  const holds = ready && can("snapshot.create");
  const shares = ready && can("snapshot.download");
  const deletes = can("snapshot.delete") && ["ready", "failed", "forgotten"].includes(snapshot.state);
  return (
    <>
      {restorable && (
        <Button look="primary" asChild>
          <A to={wizard}>
            <RotateCcw aria-hidden />
            {t("restore:do")}
          </A>
        </Button>
      )}
      {snapshot.state === "forgotten" && can("snapshot.delete") && (
        <Button look="primary" icon={<Undo2 />} busy={bring.isPending} onClick={() => bring.mutate()}>
          {t("snapshots:bringBack")}
        </Button>
      )}
      {ready && can("snapshot.verify") && (
        <Button icon={<BadgeCheck />} onClick={() => setOpened("verify")}>
          {t("snapshots:verifyDo")}
        </Button>
      )}
      {shares && (
        <Button icon={<Download />} busy={download.isPending} onClick={() => download.mutate()}>
          {t("snapshots:download")}
        </Button>
      )}
      {(holds || shares || deletes) && (
        <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
          {shares && (
            <Item icon={<Share2 />} onSelect={() => setOpened("share")}>
              {t("files:share")}
            </Item>
          )}
          {holds && (
            <Item
              icon={snapshot.hold ? <LockOpen /> : <Lock />}
              onSelect={() => act(snapshot.hold ? "release" : "hold", [snapshot.id])}
            >
              {snapshot.hold ? t("snapshots:release") : t("snapshots:holdThem")}
            </Item>
          )}
          {restorable && (
            <Item icon={<Snowflake />} onSelect={() => setOpened("thaw")}>
              {t("snapshots:thaw")}
            </Item>
          )}
          {deletes && <Line />}
          {deletes && ready && (
            <Item icon={<Trash2 />} danger disabled={snapshot.hold} onSelect={() => setOpened("forget")}>
              {t("snapshots:delete")}
            </Item>
          )}
          {deletes && (
            <Item icon={<Trash2 />} danger disabled={snapshot.hold} onSelect={() => setOpened("delete")}>
              {t("snapshots:deleteForGood")}
            </Item>
          )}
        </Menu>
      )}
      <Dialogs snapshot={snapshot} opened={opened} close={() => setOpened(null)} />
    </>
  );
}

function useRestoreOffer(wizard: string, able: boolean): void {
  const { t } = useTranslation();
  const go = useGo();
  const latest = useRef(go);
  latest.current = go;
  useOffer(
    useMemo(
      () =>
        able
          ? [{ id: "restore", title: t("restore:one"), icon: <RotateCcw />, run: () => latest.current(wizard) }]
          : [],
      [able, t, wizard],
    ),
  );
}

/** At once, unless the project asks how the file is to be encrypted: then that is asked. */
function useDownload(id: string, ask: () => void) {
  return useMutation({
    mutationFn: () => data(downloadCreate({ path: { snapshot_id: id }, body: {} })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ url }) => {
      if (url) location.assign(url);
    },
    onError: (thrown) => {
      const error = asError(thrown);
      if (error.code.startsWith("encryption_")) ask();
      else toast.bad(error.message, error.hint ?? undefined);
    },
  });
}

function Dialogs({ snapshot, opened, close }: { snapshot: SnapshotOut; opened: Opened; close: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const begun = useBegun("snapshots");
  const { forget } = useSnapshotActs();
  return (
    <>
      {opened === "verify" && <VerifyDialog snapshot={snapshot} onClose={close} />}
      {opened === "share" && <ShareSheet snapshots={[snapshot.id]} onClose={close} />}
      {opened === "thaw" && <ThawDialog snapshot={snapshot} onClose={close} />}
      <Confirm
        open={opened === "forget"}
        onOpenChange={close}
        danger
        title={t("snapshots:deleteTitle", { count: 1 })}
        lead={t("snapshots:deleteLead")}
        verb={t("snapshots:delete")}
        act={() => forget([snapshot.id])}
      />
      <Confirm
        open={opened === "delete"}
        onOpenChange={close}
        danger
        title={t("snapshots:deleteForGood")}
        lead={t("snapshots:deleteForGoodLead")}
        verb={t("snapshots:deleteForGood")}
        name={snapshot.id}
        act={async () => {
          const path = { snapshot_id: snapshot.id };
          begun(await data(snapshotDelete({ path, body: { confirm: snapshot.id, force: true } })));
          go("/snapshots");
        }}
      />
    </>
  );
}
