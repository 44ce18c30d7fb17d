import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { asError } from "@/shell/api";

interface Props {
  title: string;
  lead?: string;
  value: string;
  onClose: () => void;
  save: (value: string) => Promise<unknown>;
  children: (value: string, set: (value: string) => void) => ReactNode;
}

/** One value in a dialog: changed, saved, closed. */
export function Ask({ title, lead, value, onClose, save, children }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const [now, setNow] = useState(value);
  const work = useMutation({
    mutationFn: () => save(now),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: onClose,
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={title}
      lead={lead}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form={id} disabled={now === value} busy={work.isPending}>
            {t("shell:save")}
          </Button>
        </>
      }
    >
      <form
        id={id}
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          work.mutate();
        }}
      >
        {children(now, setNow)}
        {work.isError && <ErrorText error={asError(work.error)} />}
      </form>
    </Dialog>
  );
}
