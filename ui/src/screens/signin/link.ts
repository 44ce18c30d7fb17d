const KINDS = { token: "owner", invite: "invite", reset: "reset" } as const;

export interface Link {
  what: (typeof KINDS)[keyof typeof KINDS];
  token: string;
}

/** `#token=`, `#invite=` or `#reset=`: in the fragment, so that it is in no log and no Referer. */
export function linkOf(hash: string): Link | null {
  for (const [name, token] of new URLSearchParams(hash.replace(/^#/, "")))
    if (name in KINDS && token) return { what: KINDS[name as keyof typeof KINDS], token };
  return null;
}

/** What this page was opened with; it leaves the address bar at once. */
export let link: Link | null = linkOf(location.hash);
if (link) history.replaceState(null, "", location.pathname + location.search);

export function clearLink(): void {
  link = null;
}
