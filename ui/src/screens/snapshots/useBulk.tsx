import { BadgeCheck, GitCompare, Lock, LockOpen, Share2, Tag, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotVerify } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { Field, Input } from "@/parts/Field";
import type { BulkAct } from "@/parts/table/types";
import { useEach } from "@/parts/useEach";
import { useGo } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { ShareSheet } from "./files/ShareSheet";
import { useSnapshotActs } from "./useSnapshotActs";

interface Open {
  what: "tag" | "share" | "forget";
  ids: readonly string[];
  clear: () => void;
}

/** What can be done with the snapshots that are picked, and the dialogs some of it needs. */
export function useBulk(): { acts: BulkAct<SnapshotOut>[]; dialogs: ReactNode } {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const each = useEach();
  const { act, forget } = useSnapshotActs();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const ask = (what: Open["what"]) => (rows: SnapshotOut[], clear: () => void) =>
    setOpen({ what, ids: rows.map(({ id }) => id), clear });
  const atOnce = (verb: "hold" | "release") => (rows: SnapshotOut[], clear: () => void) =>
    act(
      verb,
      rows.map(({ id }) => id),
      [],
      clear,
    );
  const acts: BulkAct<SnapshotOut>[] = [];
  if (can("snapshot.verify"))
    acts.push({
      id: "verify",
      title: t("snapshots:verifyDo"),
      icon: <BadgeCheck />,
      run: (rows, clear) =>
        void each(rows, (row) => data(snapshotVerify({ path: { snapshot_id: row.id }, body: {} })), clear),
    });
  if (can("snapshot.create")) {
    acts.push({ id: "hold", title: t("snapshots:holdThem"), icon: <Lock />, run: atOnce("hold") });
    acts.push({ id: "release", title: t("snapshots:release"), icon: <LockOpen />, run: atOnce("release") });
    acts.push({ id: "tag", title: t("snapshots:tagThem"), icon: <Tag />, run: ask("tag") });
  }
  acts.push({
    id: "compare",
    title: t("snapshots:compare"),
    icon: <GitCompare />,
    run: (rows) => {
      const [one, other] = rows;
      if (rows.length !== 2 || !one || !other || one.resource_id !== other.resource_id)
        toast.bad(t("snapshots:pickTwo"));
      else go(`/snapshots/${one.id}`, { tab: "compare", with: other.id });
    },
  });
  if (can("snapshot.download"))
    acts.push({ id: "share", title: t("files:share"), icon: <Share2 />, run: ask("share") });
  if (can("snapshot.delete"))
    acts.push({ id: "delete", title: t("snapshots:delete"), icon: <Trash2 />, danger: true, run: ask("forget") });
  const dialogs = open && (
    <>
      {open.what === "share" && <ShareSheet snapshots={open.ids} onClose={close} />}
      {open.what === "tag" && (
        <TagDialog
          count={open.ids.length}
          onClose={close}
          onTag={(tag) => {
            act("tag", open.ids, [tag], open.clear);
            close();
          }}
        />
      )}
      <Confirm
        open={open.what === "forget"}
        onOpenChange={close}
        danger
        title={t("snapshots:deleteTitle", { count: open.ids.length })}
        lead={t("snapshots:deleteLead")}
        verb={t("snapshots:delete")}
        act={async () => {
          await forget(open.ids);
          open.clear();
        }}
      />
    </>
  );
  return { acts, dialogs };
}

function TagDialog({ count, onTag, onClose }: { count: number; onTag: (tag: string) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("snapshots:tagTitle", { count })}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="tag-form" disabled={!typed.trim()}>
            {t("snapshots:tagThem")}
          </Button>
        </>
      }
    >
      <form
        id="tag-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim()) onTag(typed.trim());
        }}
      >
        <Field label={t("snapshots:addTag")}>
          {(given) => (
            <Input
              {...given}
              autoFocus
              maxLength={100}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          )}
        </Field>
      </form>
    </Dialog>
  );
}
