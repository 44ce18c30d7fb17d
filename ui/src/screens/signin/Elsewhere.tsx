import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { ssoOfferList } from "@/api";
import { Button } from "@/parts/Button";
import { data } from "@/shell/api";

/** The identity providers people may come from. */
export function Elsewhere() {
  const { t } = useTranslation();
  const { data: found } = useQuery({ queryKey: ["sso"], queryFn: () => data(ssoOfferList()), retry: false });
  return (
    <>
      {found?.providers.map((provider) => (
        <Button key={provider.start} asChild className="w-full">
          <a href={provider.start}>{t("signin:with", { name: provider.name })}</a>
        </Button>
      ))}
    </>
  );
}
