package dev.koyomi.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import dev.koyomi.crds.plan.ManifestProblem;
import dev.koyomi.crds.plan.Manifests;
import java.util.List;

/** YAML that is right, or the test is wrong. */
final class Yaml {
  private Yaml() {}

  static List<JsonNode> documents(String text) {
    try {
      return Manifests.read(text);
    } catch (ManifestProblem wrong) {
      throw new AssertionError(text, wrong);
    }
  }
}
