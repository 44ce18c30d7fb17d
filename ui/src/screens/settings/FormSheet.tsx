import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { asError } from "@/shell/api";

interface Props {
  title: string;
  lead?: ReactNode;
  /** Verb and object, on the button. */
  verb: string;
  as?: "dialog" | "sheet";
  danger?: boolean;
  /** Sent when it is meant; the form closes when it went well, and keeps what was typed when not. */
  save: () => Promise<unknown>;
  onClose: () => void;
  /** `wrong`: what the server said about a field, by its name. */
  children: (wrong: Record<string, string>) => ReactNode;
}

/** A sheet with a form of the settings: never sent late, since its maker may have thought otherwise by then. */
export function FormSheet({ title, lead, verb, as = "sheet", danger, save, onClose, children }: Props) {
  const { t } = useTranslation();
  const form = useId();
  const sending = useMutation({
    mutationFn: save,
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
    onSuccess: onClose,
  });
  const error = sending.error ? asError(sending.error) : null;
  return (
    <Dialog
      open
      as={as}
      onOpenChange={(open) => !open && onClose()}
      title={title}
      lead={lead}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look={danger ? "danger" : "primary"} type="submit" form={form} busy={sending.isPending}>
            {verb}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="grid gap-4"
        onSubmit={(event) => {
          if (event.target !== event.currentTarget) return; // of a dialog on top, which React lets through
          event.preventDefault();
          sending.mutate();
        }}
      >
        {children(error?.fields ?? {})}
        {error && <ErrorText error={error} />}
      </form>
    </Dialog>
  );
}
