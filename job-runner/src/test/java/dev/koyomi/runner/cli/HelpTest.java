package dev.koyomi.runner.cli;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class HelpTest {
  @TestFactory
  Stream<DynamicTest> explainsEachVerb() {
    return Stream.of(
            "",
            "dev",
            "dev sql",
            "validate",
            "migrate",
            "trigger",
            "work",
            "why",
            "run",
            "refresh",
            "redispatch",
            "runs",
            "jobs",
            "failed",
            "failed list",
            "failed show",
            "failed retry",
            "failed discard",
            "queue",
            "queue show",
            "queue pause",
            "queue resume",
            "queue clear",
            "cancel",
            "enqueue")
        .map(verb -> DynamicTest.dynamicTest("koyomi " + verb, () -> assertHelp(verb)));
  }

  private static void assertHelp(String verb) {
    String[] words = (verb + " --help").strip().split(" ", -1);
    Golden.assertScreen(
        "help" + (verb.isEmpty() ? "" : "-" + verb.replace(' ', '-')),
        Typed.anywhere().type(words).all());
  }

  @Test
  void suggestsWhatWasMeant() {
    Golden.assertScreen("wrong-verb", Typed.anywhere().type("faild", "list").all());
    Golden.assertScreen("wrong-option", Typed.anywhere().type("runs", "--limt", "3").all());
    Golden.assertScreen("no-verb", Typed.anywhere().type().all());
  }
}
