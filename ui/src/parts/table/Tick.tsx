import { useEffect, useRef } from "react";

interface Props {
  checked: boolean;
  some?: boolean;
  label: string;
  onChange: (checked: boolean, reach: boolean) => void;
}

/** A check box of 16 px in a target of 24 (WCAG 2.5.8). */
export function Tick({ checked, some = false, label, onChange }: Props) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some && !checked;
  }, [some, checked]);
  return (
    <label className="-ml-1 grid size-6 place-items-center">
      <input
        ref={box}
        type="checkbox"
        tabIndex={-1}
        aria-label={label}
        checked={checked}
        className="size-3.5 accent-accent"
        onChange={(event) => onChange(event.target.checked, (event.nativeEvent as MouseEvent).shiftKey)}
      />
    </label>
  );
}
