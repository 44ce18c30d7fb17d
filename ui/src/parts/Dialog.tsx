import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { cx } from "./classes";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  lead?: ReactNode;
  children?: ReactNode;
  foot?: ReactNode;
  /** A sheet comes from the right and is for forms; a dialog asks one thing. */
  as?: "dialog" | "sheet";
  /** Neither Esc nor a click beside it closes it. */
  stays?: boolean;
  wide?: boolean;
}

export function Dialog({ open, onOpenChange, title, lead, children, foot, as = "dialog", stays, wide }: Props) {
  const { t } = useTranslation();
  const hold = stays ? (event: Event) => event.preventDefault() : undefined;
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-veil" />
        <Radix.Content
          onEscapeKeyDown={hold}
          onInteractOutside={hold}
          // Not the button that closes it: what has the focus first looks as if it were meant.
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            (event.currentTarget as HTMLElement).focus();
          }}
          {...(lead ? {} : { "aria-describedby": undefined })}
          className={cx(
            "fixed z-50 flex flex-col bg-raised shadow-float outline-none",
            as === "sheet"
              ? cx("inset-y-0 right-0 w-full animate-slide sm:border-l", wide ? "sm:w-[760px]" : "sm:w-[480px]")
              : cx(
                  "inset-x-3 top-[12vh] mx-auto max-h-[76vh] animate-rise rounded-xl",
                  wide ? "max-w-2xl" : "max-w-md",
                ),
          )}
        >
          <header className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-balance font-semibold text-base">{title}</Radix.Title>
              {lead && <Radix.Description className="mt-1 text-muted text-sm">{lead}</Radix.Description>}
            </div>
            {!stays && (
              <Radix.Close asChild>
                <Button look="quiet" size="icon" className="-mt-1 -mr-2" aria-label={t("shell:close")} icon={<X />} />
              </Radix.Close>
            )}
          </header>
          {children && (
            <div className={cx("min-h-0 overflow-y-auto px-5 pb-4", as === "sheet" && "flex-1")}>{children}</div>
          )}
          {foot && <footer className="flex flex-wrap items-center justify-end gap-2 border-t px-5 py-3">{foot}</footer>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
