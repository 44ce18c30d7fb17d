import { useTranslation } from "react-i18next";
import { PageTabs, type Tab } from "@/parts/Page";
import { useCan } from "@/shell/session";
import { Providers } from "./Providers";
import { Required } from "./Required";
import { TokenKeys } from "./TokenKeys";

export default function SignInSection() {
  const { t } = useTranslation();
  const can = useCan();
  const tabs: Tab[] = [];
  if (can("sso.read")) tabs.push({ id: "providers", title: t("sso:providers"), body: <Providers />, full: true });
  if (can("system.read")) tabs.push({ id: "factor", title: t("sso:required"), body: <Required /> });
  if (can("system.key.rotate")) tabs.push({ id: "keys", title: t("sso:keys"), body: <TokenKeys /> });
  return (
    <div className="flex h-full flex-col">
      <PageTabs label={t("sso:title")} tabs={tabs} />
    </div>
  );
}
