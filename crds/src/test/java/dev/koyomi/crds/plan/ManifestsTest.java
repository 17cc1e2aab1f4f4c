package dev.koyomi.crds.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestsTest {
  @Test
  void readsSeveralDocumentsAndLeavesOutEmptyOnes() throws Exception {
    assertThat(Manifests.read("---\na: 1\n---\n# nothing\n---\nb: 2\n---\n"))
        .extracting(JsonNode::toString)
        .containsExactly("{\"a\":1}", "{\"b\":2}");
    assertThat(Manifests.read("")).isEmpty();
    assertThat(Manifests.read("{\"a\": [1, 2.5, null, true]}"))
        .extracting(JsonNode::toString)
        .containsExactly("{\"a\":[1,2.5,null,true]}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "a: no | {\"a\":false}",
        "a: \"no\" | {\"a\":\"no\"}",
        "a: 0 1 * * * | {\"a\":\"0 1 * * *\"}",
        "a: 2026-11-01 | {\"a\":\"2026-11-01\"}",
        "a: 2026-11-01T00:00:00Z | {\"a\":\"2026-11-01T00:00:00Z\"}",
        "a: 12:30 | {\"a\":\"12:30\"}",
        "a: 1e3 | {\"a\":1000.0}",
        "a: 1.5 | {\"a\":1.5}",
        "a: 30s | {\"a\":\"30s\"}",
        "a: ~ | {\"a\":null}",
        "a: | {\"a\":null}",
        "1: b | {\"1\":\"b\"}",
        "{a: &x [1], b: *x} | {\"a\":[1],\"b\":[1]}",
        "{a: &x {c: 1}, b: {<<: *x, d: 2}} | {\"a\":{\"c\":1},\"b\":{\"c\":1,\"d\":2}}",
      })
  void readsAsKubectlDoes(String yaml, String json) throws Exception {
    assertThat(Manifests.read(yaml)).extracting(JsonNode::toString).containsExactly(json);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "a: b: c | This is not YAML, line 1, column 5: mapping values are not allowed here.",
        "a: [1, 2 | This is not YAML, line 1, column 9: expected ',' or ']', but got <stream end>.",
        "a: 1\\na: 2 | This is not YAML, line 2, column 1: found duplicate key a.",
        "a:\\n"
            + "\\t- b | This is not YAML, line 2, column 1: found character '\\t(TAB)' that cannot"
            + " start any token. (Do not use \\t(TAB) for indentation).",
        "a: *b | This is not YAML, line 1, column 4: found undefined alias b.",
        "a: !!java.io.File x | This is not YAML, line 1, column 4: Global tag is not allowed:"
            + " tag:yaml.org,2002:java.io.File.",
        "&a {b: *a} | This is nested more than 50 levels deep: an alias (*name) must not stand"
            + " within its own anchor.",
      })
  void saysWhereAFileIsNotYaml(String yaml, String sentence) {
    assertThatThrownBy(() -> Manifests.read(yaml.replace("\\n", "\n").replace("\\t", "\t")))
        .isInstanceOf(ManifestProblem.class)
        .hasMessage(sentence);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a: !!int x",
        "a: !!float ''",
        "a: !!map [b]",
        "a: !!binary x",
        "a: !!pairs [b: 1]",
        "? [a]: &a {x: *a}\nb: c",
        "? [a]\n: b",
        "a: \u0000",
      })
  void saysWhatIsNoYamlOfJson(String yaml) {
    assertThatThrownBy(() -> Manifests.read(yaml)).isInstanceOf(ManifestProblem.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0x_", "0b_", "0_", "+0x", "1__0x"})
  void takesForANumberOnlyWhatIsOne(String scalar) throws Exception {
    assertThat(Manifests.read("a: " + scalar).getFirst().path("a").isObject()).isFalse();
  }

  /** A list of three of a list of three of …: 43 million texts. */
  @Test
  void doesNotWriteOutWhatAliasesMultiply() {
    StringBuilder yaml = new StringBuilder("a0: &a0 x\n");
    for (int i = 1; i <= 16; i++) {
      yaml.append("a%1$d: &a%1$d [*a%2$d, *a%2$d, *a%2$d]\n".formatted(i, i - 1));
    }
    assertThatThrownBy(() -> Manifests.read(yaml.toString()))
        .isInstanceOf(ManifestProblem.class)
        .hasMessageStartingWith("This has more than 100000 values");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "job: {retry: {backoff: {jitter: .nan}}} | spec.job.retry.backoff.jitter: \"NaN\" is not a"
            + " number: write a number, such as 0.2.",
        "unit: {sql: \"select '\\0'\"} | spec.unit.sql: The character U+0000 cannot be stored in a"
            + " text: take it out.",
        "unit: {sql: \"select '\\ud800'\"} | spec.unit.sql: The character U+D800 cannot be stored"
            + " in a text: take it out.",
        "\"a\\n"
            + "b\": 1 | spec.a\\u000ab: There is no field \"a\\u000ab\": take it out, or use one"
            + " of",
      })
  void saysInOneLineWhatCannotBeKept(String field, String problem) throws Exception {
    String yaml =
        "apiVersion: koyomi.dev/v1alpha1\nkind: BatchSchedule\nmetadata: {name: x}\nspec:\n  "
            + field;
    assertThat(Planner.plan(Manifests.read(yaml).getFirst()).toString()).contains(problem);
  }

  @Test
  void readsAQuantityOfAMillionDigitsInNoTime() throws Exception {
    assertThat(Quantities.amount("9".repeat(1_000_000))).isEmpty();
  }

  @Test
  void aDefinitionIsReadBackAsItWasWritten() throws Exception {
    String yaml =
        "apiVersion: koyomi.dev/v1alpha1\nkind: BatchSchedule\nmetadata: {name: x}\nspec: {unit:"
            + " {sql: \"select 'a\\u0085b\\u2028c\\u2029d\\ufeffe'\"}}";
    Planned.Valid planned = (Planned.Valid) Planner.plan(Manifests.read(yaml).getFirst());

    Planned.Valid again =
        (Planned.Valid) Planner.plan(Manifests.read(planned.definition().json()).getFirst());

    assertThat(again.plan().unit().sql().text())
        .isEqualTo("select 'a\u0085b\u2028c\u2029d\ufeffe'");
    assertThat(again.definition()).isEqualTo(planned.definition());
  }
}
