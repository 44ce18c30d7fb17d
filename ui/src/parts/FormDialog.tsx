import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { asError } from "@/shell/api";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { ErrorText } from "./ErrorPanel";

interface Props {
  title: string;
  lead?: ReactNode;
  /** Verb and object, on the button. */
  verb: string;
  as?: "dialog" | "sheet";
  danger?: boolean;
  /** Whether what was typed can be sent; the browser's own checks of the fields come besides. */
  able?: boolean;
  /** At the left of the buttons. */
  aside?: ReactNode;
  /** Sent when it is meant; the form closes when it went well, and keeps what was typed when not. */
  save: () => Promise<unknown>;
  onClose: () => void;
  /** `wrong`: what the server said about a field, by its name. */
  children: ReactNode | ((wrong: Record<string, string>) => ReactNode);
}

/** A dialog or a sheet with a form: never sent late, since its maker may have thought otherwise by then. */
export function FormDialog({ title, lead, verb, as, danger, able = true, aside, save, onClose, children }: Props) {
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
          {aside}
          {aside && <span className="flex-1" />}
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button
            look={danger ? "danger" : "primary"}
            type="submit"
            form={form}
            disabled={!able}
            busy={sending.isPending}
          >
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
          if (able && !sending.isPending) sending.mutate();
        }}
      >
        {typeof children === "function" ? children(error?.fields ?? {}) : children}
        {error && <ErrorText error={error} />}
      </form>
    </Dialog>
  );
}
