import { queryOptions, useQuery } from "@tanstack/react-query";
import type { WhoOut } from "@/api";
import { sessionRead } from "@/api";
import { data } from "./api";
import { queries } from "./query";

export const session = queryOptions({
  queryKey: ["session"],
  queryFn: () => data(sessionRead()),
  retry: false,
  staleTime: Number.POSITIVE_INFINITY,
});

/** Whoever is signed in. Only below the shell, which draws nothing before it is known. */
export function useWho(): WhoOut {
  const { data: who } = useQuery(session);
  if (!who) throw new Error("nobody is signed in");
  return who;
}

/** Whether any of these is held somewhere. The server still decides each call; this hides what can never work. */
export function useCan(): (...permissions: string[]) => boolean {
  const { permissions } = useWho();
  return (...wanted) => wanted.some((each) => permissions.includes(each));
}

/** After a sign-in. Another person must see nothing of what the one before had on the screen. */
export function signedIn(who: WhoOut): void {
  const before = queries.getQueryData(session.queryKey);
  if (before && before.id !== who.id) {
    location.reload();
    return;
  }
  queries.setQueryData(session.queryKey, who);
}
