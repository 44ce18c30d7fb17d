import { Check } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cx } from "./classes";

const ITEM =
  "flex h-8 select-none items-center gap-2 rounded-sm px-2 text-sm outline-none data-highlighted:bg-hover " +
  "data-disabled:opacity-50 pointer-coarse:h-10 [&_svg]:size-3.5 [&_svg]:text-muted";

export function Menu({ trigger, children, align = "start", wide }: MenuProps) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className={cx(
            "z-50 max-h-(--radix-dropdown-menu-content-available-height) overflow-y-auto rounded-lg bg-raised p-1 shadow-float",
            wide ? "min-w-64" : "min-w-44",
          )}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
interface MenuProps {
  trigger: ReactNode;
  children: ReactNode;
  align?: "start" | "end";
  wide?: boolean;
}

export function Item({ icon, aside, danger, onSelect, disabled, children }: ItemProps) {
  return (
    <Radix.Item disabled={disabled} onSelect={onSelect} className={cx(ITEM, danger && "text-bad [&_svg]:text-bad")}>
      {icon}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {aside}
    </Radix.Item>
  );
}
interface ItemProps {
  icon?: ReactNode;
  aside?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect: (event: Event) => void;
  children: ReactNode;
}

/** Stays open: several may be set one after the other. */
export function CheckItem({ checked, onChange, disabled, children }: CheckProps) {
  return (
    <Radix.CheckboxItem
      checked={checked}
      disabled={disabled}
      onCheckedChange={onChange}
      onSelect={(event) => event.preventDefault()}
      className={ITEM}
    >
      <span className="grid size-3.5 place-items-center rounded-sm border border-strong-line">
        <Radix.ItemIndicator>
          <Check className="!text-accent-text !size-3" />
        </Radix.ItemIndicator>
      </span>
      <span className="min-w-0 flex-1 truncate">{children}</span>
    </Radix.CheckboxItem>
  );
}
interface CheckProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  children: ReactNode;
}

/** One of several. */
export function Choice({ value, onChange, options }: ChoiceProps) {
  return (
    <Radix.RadioGroup value={value} onValueChange={onChange}>
      {options.map((option) => (
        <Radix.RadioItem key={option.value} value={option.value} className={ITEM}>
          {option.icon}
          <span className="min-w-0 flex-1 truncate">{option.label}</span>
          <Radix.ItemIndicator>
            <Check className="!text-accent-text" />
          </Radix.ItemIndicator>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}
interface ChoiceProps {
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string; icon?: ReactNode }[];
}

export function Title({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2 pt-1.5 pb-1 font-medium text-faint text-xs">{children}</Radix.Label>;
}

export function Line() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
