"""An image as a volume of a pod, which takes containerd 2."""

import uuid


def test_a_program_of_one_image_runs_in_another(images, kubectl):
    images.load(images.base("web"))
    word = uuid.uuid4().hex
    # The image under test has nothing in it but a name of its own, so the program can only be the volume's.
    empty = images.build(f"localhost/empty-{word}:1", f"FROM scratch\nLABEL word={word}\n")
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "volume"},
            "spec": {
                "restartPolicy": "Never",
                "volumes": [{"name": "tool", "image": {"reference": "localhost/web:1", "pullPolicy": "IfNotPresent"}}],
                "containers": [
                    {
                        "name": "empty",
                        "image": empty,
                        "command": ["/tool/web", "say", word],
                        "volumeMounts": [{"name": "tool", "mountPath": "/tool"}],
                    }
                ],
            },
        }
    )
    kubectl.wait("pod/volume", "jsonpath={.status.phase}=Succeeded")
    assert kubectl.logs("volume") == f"{word}\n"
