import { useMutation, useQuery } from "@tanstack/react-query";
import { KeyRound, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type PasskeyOut, passkeyDelete, passkeyList, passkeyUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { NameField } from "@/parts/NameField";
import { Section } from "@/parts/Page";
import { Badge, Time } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { makePasskey, passkeyHindrance } from "./passkeyMaking";

export function Passkeys({ onCodes }: { onCodes: (codes: readonly string[]) => void }) {
  const { t } = useTranslation();
  const [naming, setNaming] = useState<PasskeyOut | "new" | null>(null);
  const [removing, setRemoving] = useState<PasskeyOut | null>(null);
  const mine = useQuery({
    queryKey: ["factors", "passkeys"],
    queryFn: async () => (await data(passkeyList())).passkeys,
  });
  const hindrance = passkeyHindrance();
  const again = () => queries.invalidateQueries({ queryKey: ["factors"] });
  return (
    <Section
      title={t("factors:passkeys")}
      aside={hindrance === null && <Button onClick={() => setNaming("new")}>{t("factors:add")}</Button>}
    >
      <p className="text-muted text-xs">{t("factors:passkeysLead")}</p>
      {hindrance && <p className="mt-1 text-muted text-xs">{t(`factors:${hindrance}`)}</p>}
      {mine.isError && <ErrorPanel error={mine.error} retry={() => void mine.refetch()} />}
      <ul className="mt-1">
        {mine.data?.map((each) => (
          <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <KeyRound className="size-4 shrink-0 text-muted" aria-hidden />
            <div className="min-w-0 flex-1">
              <p className="flex items-center gap-2">
                <span className="truncate">{each.name}</span>
                {each.backed_up && <Badge>{t("factors:synced")}</Badge>}
              </p>
              <p className="text-muted text-xs">
                {t("factors:at", { host: each.rp_id })} · <Time at={each.last_used_at ?? each.created_at} />
              </p>
            </div>
            <Button
              look="quiet"
              size="icon"
              aria-label={`${t("factors:rename")}: ${each.name}`}
              icon={<Pencil />}
              onClick={() => setNaming(each)}
            />
            <Button
              look="quiet"
              size="icon"
              aria-label={`${t("factors:removePasskey")}: ${each.name}`}
              icon={<Trash2 />}
              onClick={() => setRemoving(each)}
            />
          </li>
        ))}
      </ul>
      {naming && (
        <NameDialog
          of={naming}
          onClose={() => setNaming(null)}
          onDone={(codes) => {
            setNaming(null);
            onCodes(codes);
            void again();
          }}
        />
      )}
      <Confirm
        open={removing !== null}
        onOpenChange={() => setRemoving(null)}
        danger
        title={t("factors:removePasskeyTitle", { name: removing?.name })}
        lead={t("factors:removePasskeyLead")}
        verb={t("factors:removePasskey")}
        act={async () => {
          await data(passkeyDelete({ path: { passkey_id: removing?.id ?? "" } }));
          await again();
        }}
      />
    </Section>
  );
}

interface NameProps {
  of: PasskeyOut | "new";
  onClose: () => void;
  onDone: (codes: readonly string[]) => void;
}

function NameDialog({ of, onClose, onDone }: NameProps) {
  const { t } = useTranslation();
  const isNew = of === "new";
  const [name, setName] = useState(isNew ? "" : of.name);
  const save = useMutation({
    mutationFn: async (): Promise<readonly string[] | null> => {
      if (isNew) return (await makePasskey(name))?.recovery_codes ?? null;
      await data(passkeyUpdate({ path: { passkey_id: of.id }, body: { name } }));
      return [];
    },
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (codes) => codes && onDone(codes),
  });
  const verb = t(isNew ? "factors:add" : "factors:rename");
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={verb}
      lead={isNew ? t("factors:addLead") : undefined}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="passkey-form" busy={save.isPending}>
            {verb}
          </Button>
        </>
      }
    >
      <form
        id="passkey-form"
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <NameField label={t("factors:passkeyName")} value={name} onChange={setName} />
        {save.isError && <ErrorText error={asError(save.error)} />}
        {save.data === null && (
          <p role="alert" className="text-sm text-warn">
            {t("factors:refused")}
          </p>
        )}
      </form>
    </Dialog>
  );
}
