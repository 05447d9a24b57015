/* TensorFlow's C library, no Python: saved_model DIR INPUT OUTPUT INDEX SHAPE...
 *
 * Loads the SavedModel in DIR, reads the float32 values of a tensor of that SHAPE from standard
 * input as text, and writes the values of the output. INPUT and OUTPUT are names of operations, as
 * `saved_model_cli show --all` tells them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tensorflow/c/c_api.h"

static void check(const TF_Status* status, const char* what) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%s: %s\n", what, TF_Message(status));
    exit(1);
  }
}

static TF_Output find_output(TF_Graph* graph, const char* name, int index) {
  TF_Output output = {TF_GraphOperationByName(graph, name), index};
  if (output.oper == NULL) {
    fprintf(stderr, "%s: there is no such operation\n", name);
    exit(1);
  }
  return output;
}

static TF_Tensor* read_tensor(int num_dims, char** sizes) {
  int64_t dims[8];
  size_t count = 1;
  for (int i = 0; i < num_dims; ++i) {
    dims[i] = strtoll(sizes[i], NULL, 10);
    count *= (size_t)dims[i];
  }
  TF_Tensor* tensor = TF_AllocateTensor(TF_FLOAT, dims, num_dims, count * sizeof(float));
  float* values = TF_TensorData(tensor);
  for (size_t i = 0; i < count; ++i) {
    if (scanf("%f", &values[i]) != 1) {
      fprintf(stderr, "expected %zu values\n", count);
      exit(1);
    }
  }
  return tensor;
}

int main(int argc, char** argv) {
  if (argc < 6 || argc > 13) {
    fprintf(stderr, "usage: saved_model DIR INPUT OUTPUT INDEX SHAPE...\n");
    return 2;
  }
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session =
      TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, argv[1]);

  TF_Output input = find_output(graph, argv[2], 0);
  TF_Output output = find_output(graph, argv[3], atoi(argv[4]));
  TF_Tensor* given = read_tensor(argc - 5, argv + 5);
  TF_Tensor* found = NULL;
  TF_SessionRun(session, NULL, &input, &given, 1, &output, &found, 1, NULL, 0, NULL, status);
  check(status, "run");

  const float* values = TF_TensorData(found);
  size_t count = TF_TensorByteSize(found) / sizeof(float);
  for (size_t i = 0; i < count; ++i) printf("%.9g\n", values[i]);
  fprintf(stderr, "TensorFlow %s\n", TF_Version());
  TF_DeleteTensor(given);
  TF_DeleteTensor(found);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
