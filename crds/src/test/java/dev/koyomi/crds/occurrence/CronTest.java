package dev.koyomi.crds.occurrence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CronTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "0 0 * *",
        "* * * * * *",
        "0 0 1 * * ? 2026",
        "@every 5m",
        "@every 1 2 3 4",
        "@reboot",
        "@Daily",
        "TZ=Asia/Tokyo 0 1 * * *",
        "CRON_TZ=Asia/Tokyo 0 1 * * *"
      })
  void refusesAnotherNumberOfFieldsAndSaysWhatToWrite(String text) {
    assertThatThrownBy(() -> Cron.parse(text)).hasMessage(Cron.SHAPE_SENTENCE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0 0 ? * *",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * MON#2",
        "0 0 * * 5L",
        "0 0 * * SUNDAY",
        "0 0 * JANUARY *",
        "1,,2 * * * *",
        ",1 * * * *",
        "-1 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "*-5 * * * *",
        "H 0 * * *",
        "TZ=Asia/Tokyo 1 * * *"
      })
  void refusesSymbolsThatKubernetesDoesNotKnowOrReadsAnotherWay(String text) {
    assertThatThrownBy(() -> Cron.parse(text)).hasMessage(Cron.SYMBOLS_SENTENCE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "60 * * * * | \"60\" is no minute: write 0 to 59.",
        "0 24 * * * | \"24\" is no hour: write 0 to 23.",
        "0 0 0 * * | \"0\" is no day-of-month: write 1 to 31.",
        "0 0 1-32 * * | \"1-32\" is no day-of-month: write 1 to 31.",
        "0 0 * 13 * | \"13\" is no month: write 1 to 12 or JAN to DEC.",
        "0 0 * 0/2 * | \"0/2\" is no month: write 1 to 12 or JAN to DEC.",
        "0 0 * * 7 | \"7\" is no day-of-week: write 0 (Sunday) to 6 or SUN to SAT.",
        "0 0 * FRI * | \"FRI\" is no month: write 1 to 12 or JAN to DEC.",
        "MON * * * * | \"MON\" is no minute: write 0 to 59.",
        "*/0 * * * * | The step of \"*/0\" is zero: write 1 or more.",
        "0 0 * * SAT-SUN | The range \"SAT-SUN\" runs backwards: write the smaller day-of-week"
            + " first, or two ranges with a comma.",
      })
  void namesTheFieldAndWhatItTakes(String text, String sentence) {
    assertThatThrownBy(() -> Cron.parse(text)).hasMessage(sentence);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0 1 * * *",
        "*/5 9-17 * * mon-FRI",
        "0 0 1,15 JAN-jun/2 *",
        "5/20 * * * *",
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly"
      })
  void readsFiveFieldsAndMacros(String text) {
    assertThatCode(() -> Cron.parse(text)).doesNotThrowAnyException();
  }

  @Test
  void leavesOutBlanksAroundTheExpressionWhichKubernetesRefusesOnAMacro() throws Exception {
    assertThat(Cron.parse(" @daily\n").text()).isEqualTo("@daily");
    assertThat(Cron.parse(" @daily\n")).isEqualTo(Cron.parse("@daily"));
  }
}
