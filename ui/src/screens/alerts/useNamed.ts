import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { userList } from "@/api";
import { nameOf } from "@/screens/settings/access/people/words";
import { data } from "@/shell/api";
import { useCan, useWho } from "@/shell/session";

/** Alerts keep people's ids alone, so that an erased name is gone from them too: each is named as it is shown. */
export function useNamed(): (id: string) => string {
  const can = useCan();
  const who = useWho();
  const { data: people } = useQuery({
    queryKey: ["people", "names"],
    queryFn: async () => (await data(userList({ query: { limit: 200 } }))).items,
    enabled: can("user.read"),
  });
  return useCallback(
    (id) => {
      if (id === who.id) return who.display;
      if (id === "system" || id === "holdfast") return "Holdfast";
      const person = people?.find((each) => each.id === id);
      return person ? nameOf(person) : id;
    },
    [people, who],
  );
}
