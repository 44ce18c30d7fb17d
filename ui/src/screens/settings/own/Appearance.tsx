import { useTranslation } from "react-i18next";
import { Segments, Setting } from "@/parts/Setting";
import { appearance, type Appearance as Chosen, change } from "@/shell/appearance";
import { useStore } from "@/shell/store";
import { LANGUAGES, type Language, language, speak } from "@/shell/words";

export default function Appearance() {
  const { t } = useTranslation();
  const now = useStore(appearance);
  const words = (values: readonly string[]) => values.map((value) => ({ value, label: t(`settings:${value}`) }));
  return (
    <>
      <Setting title={t("settings:theme")} lead={t("settings:themeLead")}>
        <Segments
          label={t("settings:theme")}
          value={now.theme}
          options={words(["light", "dark", "system", "time"])}
          onChange={(theme) => change({ theme: theme as Chosen["theme"] })}
        />
      </Setting>
      <Setting title={t("settings:contrast")} lead={t("settings:contrastLead")}>
        <Segments
          label={t("settings:contrast")}
          value={now.contrast}
          options={words(["normal", "high"])}
          onChange={(contrast) => change({ contrast: contrast as Chosen["contrast"] })}
        />
      </Setting>
      <Setting title={t("settings:vision")} lead={t("settings:visionLead")}>
        <Segments
          label={t("settings:vision")}
          value={now.vision}
          options={words(["usual", "safe"])}
          onChange={(vision) => change({ vision: vision as Chosen["vision"] })}
        />
      </Setting>
      <Setting title={t("shell:density")} lead={t("settings:densityLead")}>
        <Segments
          label={t("shell:density")}
          value={now.density}
          options={["comfortable", "compact"].map((value) => ({ value, label: t(`shell:${value}`) }))}
          onChange={(density) => change({ density: density as Chosen["density"] })}
        />
      </Setting>
      <Setting title={t("settings:language")} lead={t("settings:languageLead")}>
        <Segments
          label={t("settings:language")}
          value={language()}
          options={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
          onChange={(value) => void speak(value as Language)}
        />
      </Setting>
    </>
  );
}
