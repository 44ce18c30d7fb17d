import { Slot } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cx } from "./classes";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:brightness-110 border-transparent",
  plain: "bg-panel text-text border-strong-line/70 hover:bg-hover",
  quiet: "border-transparent bg-transparent text-muted hover:bg-hover hover:text-text",
  danger: "bg-bad-fill text-on-bad border-transparent hover:brightness-110",
} as const;

interface Props extends ComponentProps<"button"> {
  look?: keyof typeof LOOKS;
  size?: "small" | "usual" | "icon";
  busy?: boolean;
  /** The only child becomes the button: a link that looks like one. */
  asChild?: boolean;
  icon?: ReactNode;
}

export function Button({ look = "plain", size = "usual", busy, asChild, icon, className, children, ...rest }: Props) {
  const names = cx(
    "inline-flex shrink-0 items-center justify-center gap-1.5 whitespace-nowrap rounded-md border font-medium",
    "transition-colors disabled:opacity-50 aria-disabled:opacity-50 [&_svg]:size-3.5 [&_svg]:shrink-0",
    size === "small" && "h-6 px-2 text-xs pointer-coarse:h-8",
    size === "usual" && "h-8 px-2.5 text-sm pointer-coarse:h-10",
    size === "icon" && "size-8 pointer-coarse:size-10 [&_svg]:size-4",
    LOOKS[look],
    className,
  );
  if (asChild)
    return (
      <Slot.Root className={names} {...rest}>
        {children}
      </Slot.Root>
    );
  return (
    <button type="button" {...rest} className={names} disabled={rest.disabled || busy} aria-busy={busy || undefined}>
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

export function Spinner() {
  return (
    <span
      aria-hidden
      className="size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent opacity-70"
    />
  );
}
