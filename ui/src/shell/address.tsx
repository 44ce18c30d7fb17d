import { Link, useLocation, useNavigate, useParams, useRouter } from "@tanstack/react-router";
import { type ComponentProps, type MouseEvent, useMemo } from "react";
import { kept, type Search, stringifySearch } from "./search";

/** This page's part of the address; `set` leaves out what is given as "" or undefined. */
export function useAddress(): [Search, (patch: Record<string, string | undefined>, push?: boolean) => void] {
  const search = useLocation({ select: (at) => at.search }) as unknown as Search;
  const navigate = useNavigate();
  return [
    search,
    (patch, push = false) =>
      void navigate({
        to: ".",
        search: ((before: Search) => ({ ...before, ...patch })) as never,
        replace: !push,
      }),
  ];
}

export function useId(): string {
  return (useParams({ strict: false }) as { id?: string }).id ?? "";
}

/** The part of the settings the address names. */
export function useSection(): string {
  return (useParams({ strict: false }) as { section?: string }).section ?? "";
}

export function useGo(): (to: string, search?: Search) => void {
  const navigate = useNavigate();
  return (to, search) => void navigate({ to, search: ((before: Search) => ({ ...kept(before), ...search })) as never });
}

interface Props extends Omit<ComponentProps<"a">, "href"> {
  to: string;
  search?: Search;
}

/** A link that keeps project and environment. */
export function A({ to, search, ...rest }: Props) {
  return <Link to={to} search={((before: Search) => ({ ...kept(before), ...search })) as never} {...rest} />;
}

interface PlainLinks {
  href: (to: string) => string;
  follow: (event: MouseEvent<HTMLAnchorElement>) => void;
  /** Fetches what such a link's page is drawn with. */
  ahead: (to: string) => void;
}

/** What links by the hundred share, each of which would follow the address by itself. */
export function usePlainLinks(): PlainLinks {
  const router = useRouter();
  const search = useLocation({ select: (at) => stringifySearch(kept(at.search as Search)) });
  return useMemo(
    () => ({
      href: (to) => to + search,
      follow: (event) => {
        const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
        if (!isPlain || event.defaultPrevented) return; // a new tab or window is the browser's
        event.preventDefault();
        router.history.push(event.currentTarget.getAttribute("href") ?? "/");
      },
      ahead: (to) => void router.preloadRoute({ to } as never),
    }),
    [router, search],
  );
}
