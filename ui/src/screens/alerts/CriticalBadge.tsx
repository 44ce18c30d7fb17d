import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { alertList } from "@/api";
import { data } from "@/shell/api";

const MOST = 9;

/** How many critical alerts nobody is at yet, on the rail; nothing where there are none. Moves by signals. */
export function CriticalBadge() {
  const { t } = useTranslation();
  const { data: count = 0 } = useQuery({
    queryKey: ["alerts", "badge"],
    queryFn: async () => {
      const query = { state: ["open"], severity: ["critical"], limit: 100 };
      const { items } = await data(alertList({ query }));
      return items.filter(({ muted_until }) => !muted_until || Date.parse(muted_until) < Date.now()).length;
    },
    retry: false,
  });
  if (count === 0) return null;
  return (
    <span className="-top-0.5 absolute right-2 grid h-4 min-w-4 place-items-center rounded-full bg-bad-fill px-1 font-semibold text-2xs text-on-bad leading-none sm:-right-0.5">
      <span aria-hidden>{count > MOST ? `${MOST}+` : count}</span>
      <span className="sr-only">{t("alerts:critical", { count })}</span>
    </span>
  );
}
