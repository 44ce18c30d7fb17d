import { Link, useLocation, useNavigate, useParams } from "@tanstack/react-router";
import type { ComponentProps } from "react";
import { kept, type Search } from "./search";

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
