package dev.koyomi.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.koyomi.crds.plan.Manifests;
import dev.koyomi.crds.plan.Planned;
import dev.koyomi.crds.plan.Planner;
import dev.koyomi.operator.desired.Blueprint;
import dev.koyomi.operator.desired.DesiredObjects;
import dev.koyomi.operator.desired.MigrateJob;
import dev.koyomi.operator.testing.Golden;
import io.fabric8.kubernetes.api.model.HasMetadata;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Manifests beside the objects that they become. */
final class DesiredGoldenTest {
  private final Golden golden = new Golden("desired");

  @TestFactory
  Stream<DynamicTest> becomesTheseObjects() {
    return golden.names().stream()
        .map(
            name ->
                DynamicTest.dynamicTest(
                    name,
                    () -> {
                      Blueprint blueprint = blueprint(name);
                      List<HasMetadata> objects =
                          new ArrayList<>(DesiredObjects.of(blueprint).inOrder());
                      objects.add(MigrateJob.of(blueprint));
                      golden.assertOutput(
                          name, objects.stream().map(ObjectYaml::of).collect(Collectors.joining()));
                    }));
  }

  /** What the operator hands over is read by what the runner reads with. */
  @TestFactory
  Stream<DynamicTest> handsTheRunnerADefinitionThatItReads() {
    return golden.names().stream()
        .map(
            name ->
                DynamicTest.dynamicTest(
                    name,
                    () -> {
                      Blueprint blueprint = blueprint(name);
                      String json =
                          DesiredObjects.of(blueprint)
                              .definition()
                              .getData()
                              .get("definition.json");
                      assertThat(Planner.plan(new ObjectMapper().readTree(json)))
                          .isInstanceOfSatisfying(
                              Planned.Valid.class,
                              again -> {
                                assertThat(again.definition()).isEqualTo(blueprint.definition());
                                assertThat(again.plan().entries())
                                    .isEqualTo(blueprint.plan().entries());
                                assertThat(again.plan().unit()).isEqualTo(blueprint.plan().unit());
                              });
                    }));
  }

  private Blueprint blueprint(String name) throws Exception {
    Planned planned = Planner.plan(Manifests.read(golden.input(name)).getFirst());
    assertThat(planned).isInstanceOf(Planned.Valid.class);
    Planned.Valid valid = (Planned.Valid) planned;
    return new Blueprint(
        valid.plan(),
        valid.definition(),
        "localhost/koyomi/job-runner:test",
        Optional.of("koyomi-system/koyomi/8f14e45f"),
        Optional.of("the-uid"));
  }
}
