import type { ReactNode } from "react";

/** A few things one below the other, each with its verbs at the right. What may be many is a `DataTable`. */
export function Entries({ label, children }: { label: string; children: ReactNode }) {
  return <ul aria-label={label}>{children}</ul>;
}

interface EntryProps {
  icon?: ReactNode;
  title: ReactNode;
  /** After the title: badges. */
  state?: ReactNode;
  lead?: ReactNode;
  children?: ReactNode;
}

export function Entry({ icon, title, state, lead, children }: EntryProps) {
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t py-2.5 first:border-t-0">
      <div className="min-w-0 flex-1 basis-48">
        <div className="flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1">
          {icon}
          <span className="min-w-0 break-words font-medium">{title}</span>
          {state}
        </div>
        {lead && <div className="mt-0.5 break-words text-muted text-xs">{lead}</div>}
      </div>
      {children && <div className="flex flex-wrap items-center gap-1.5">{children}</div>}
    </li>
  );
}
