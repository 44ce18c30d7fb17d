interface Props {
  title: string;
  lead?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** Yes or no in a form, with what it means. */
export function Switch({ title, lead, checked, onChange }: Props) {
  return (
    <label className="flex items-start gap-2">
      <input
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 accent-accent"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>
        <span className="block font-medium text-xs">{title}</span>
        {lead && <span className="text-muted text-xs">{lead}</span>}
      </span>
    </label>
  );
}
